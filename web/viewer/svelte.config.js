/** Templates are made node by node: the page's policy forbids markup made from text. */
export default { compilerOptions: { runes: true, fragments: "tree" } };
