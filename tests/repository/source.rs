//! The sources of what runs, without their tests, as syntax.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    Arm, Attribute, Expr, ExprCall, ExprLit, ExprStruct, ItemFn, ItemImpl, ItemMod, Lit, Macro, Token,
};

use crate::document::{read, root};

/// A call of a function by its path: `Problem::new(…)`, also where it is written `Self::new(…)`.
#[derive(Debug)]
pub(crate) struct Call {
    /// The file it is in.
    pub file: String,
    /// The last two parts of its path, or the only one.
    pub path: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
}

/// What a function is called with, as far as the documents can say it.
#[derive(Debug)]
pub(crate) enum Argument {
    /// A text that is written out.
    Text(String),
    /// A name, without the path before it: `BAD_REQUEST` of `StatusCode::BAD_REQUEST`.
    Name(String),
    /// Something that is computed.
    Computed,
}

impl Argument {
    /// The text, where it is written out.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The name.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }
}

impl From<&Expr> for Argument {
    fn from(expression: &Expr) -> Self {
        match expression {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text), ..
            }) => Self::Text(text.value()),
            Expr::Path(path) => match path.path.segments.last() {
                Some(last) => Self::Name(last.ident.to_string()),
                None => Self::Computed,
            },
            _ => Self::Computed,
        }
    }
}

/// A macro of the `metrics` crate: `counter!("tailcast_x_total", "label" => value)`.
#[derive(Debug)]
pub(crate) struct Metric {
    /// The file it is in.
    pub file: String,
    /// The macro's name.
    pub kind: String,
    /// What is counted.
    pub name: String,
    /// The names of its labels.
    pub labels: Vec<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// All calls.
    pub calls: Vec<Call>,
    /// All metrics.
    pub metrics: Vec<Metric>,
    /// What `match` turns the cases of a type into, within the type's own methods.
    pub names: Vec<(String, String)>,
    /// The codes in struct literals: `Refused::Malformed { code: "bad_json", … }`, by the literal's path.
    pub codes: Vec<(String, String)>,
    /// Modules that are only for tests, by the beginnings of their files' paths.
    of_tests: Vec<String>,
    file: String,
    /// What `Self` is, from outside in: the type, or `T` in `impl From<…> for T`.
    types: Vec<String>,
}

impl Sources {
    /// Reads all of them, once for all tests.
    pub(crate) fn read() -> &'static Self {
        static ALL: LazyLock<Sources> = LazyLock::new(|| {
            let mut sources = Sources::default();
            for folder in folders() {
                sources.folder(&folder);
            }
            let of_tests = std::mem::take(&mut sources.of_tests);
            let is_of_tests = |file: &str| of_tests.iter().any(|module| file.starts_with(module));
            sources.calls.retain(|call| !is_of_tests(&call.file));
            sources.metrics.retain(|metric| !is_of_tests(&metric.file));
            assert!(sources.calls.len() > 1_000, "the sources were not found");
            sources
        });
        &ALL
    }

    fn folder(&mut self, folder: &Path) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.unwrap().path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
            if path.is_dir() && !is_test {
                self.folder(&path);
            } else if path.extension().is_some_and(|it| it == "rs") && !is_test {
                self.one(&path);
            }
        }
    }

    fn one(&mut self, path: &Path) {
        self.file = path.strip_prefix(root()).unwrap().display().to_string();
        let file = syn::parse_file(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", self.file));
        self.visit_file(&file);
    }
}

fn folders() -> Vec<PathBuf> {
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members = members.iter().map(|it| it.as_str().unwrap());
    members
        .chain(["."])
        .map(|it| root().join(it).join("src"))
        .collect()
}

impl<'ast> Visit<'ast> for Sources {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_for_tests(&module.attrs) {
            return visit::visit_item_mod(self, module);
        }
        let parent = self.file.trim_end_matches(".rs");
        let parent = ["/lib", "/main", "/mod"]
            .iter()
            .find_map(|root| parent.strip_suffix(root))
            .unwrap_or(parent);
        self.of_tests.push(format!("{parent}/{}.rs", module.ident));
        self.of_tests.push(format!("{parent}/{}/", module.ident));
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        if is_for_tests(&block.attrs) {
            return;
        }
        let syn::Type::Path(path) = &*block.self_ty else {
            return visit::visit_item_impl(self, block);
        };
        let last = path.path.segments.last().unwrap();
        self.types.push(last.ident.to_string());
        visit::visit_item_impl(self, block);
        self.types.pop();
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(path) = &*call.func {
            let names: Vec<String> = path.path.segments.iter().map(|it| it.ident.to_string()).collect();
            let names = names[names.len().saturating_sub(2)..]
                .iter()
                .map(|name| match &**name {
                    "Self" => self.types.last().cloned().unwrap_or_default(),
                    name => name.to_owned(),
                });
            let path = names.collect::<Vec<_>>().join("::");
            let arguments = call.args.iter().map(Argument::from).collect();
            let file = self.file.clone();
            self.calls.push(Call {
                file,
                path,
                arguments,
            });
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_struct(&mut self, literal: &'ast ExprStruct) {
        let names: Vec<String> = literal
            .path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        for field in &literal.fields {
            if let (syn::Member::Named(name), Argument::Text(code)) =
                (&field.member, Argument::from(&field.expr))
                && name == "code"
            {
                self.codes.push((names.join("::"), code));
            }
        }
        visit::visit_expr_struct(self, literal);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if let (Some(of), Argument::Text(name)) = (self.types.last(), Argument::from(&*arm.body)) {
            self.names.push((of.clone(), name));
        }
        visit::visit_arm(self, arm);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let kind = call.path.segments.last().unwrap().ident.to_string();
        if !["counter", "gauge", "histogram"].contains(&kind.as_str()) {
            return;
        }
        let arguments = call.parse_body_with(Punctuated::<Named, Token![,]>::parse_terminated);
        let arguments = arguments.unwrap_or_else(|error| panic!("{}: {kind}!: {error}", self.file));
        let mut names = arguments.into_iter().map(|it| it.0);
        self.metrics.push(Metric {
            file: self.file.clone(),
            kind,
            name: names.next().unwrap(),
            labels: names.collect(),
        });
    }
}

/// `"name"`, or `"label" => value`.
struct Named(String);

impl syn::parse::Parse for Named {
    fn parse(input: syn::parse::ParseStream) -> syn::Result<Self> {
        let name: syn::LitStr = input.parse()?;
        if input.parse::<Option<Token![=>]>>()?.is_some() {
            input.parse::<Expr>()?;
        }
        Ok(Self(name.value()))
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_test = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<syn::Path>().is_ok_and(|it| it.is_ident("test"))
        }
        meta => meta.path().is_ident("test"),
    };
    attributes.iter().any(is_test)
}
