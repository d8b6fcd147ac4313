//! The services of a node: one file for each role, with a function from what all share, and from the roles that it hands
//! something to, to a [`Service`].
//!
//! What a role needs of another one is an argument, so that nothing is put together in a wrong order.

mod auth;
mod collect;
mod dispatch;
mod links;
mod membership;
mod push;
mod read;
mod upkeep;
mod web;

use std::sync::Arc;

use ::dispatch::Role;
use ::lines::HintSink;

use crate::ground::Ground;
use crate::service::Service;

/// What this node does, against the path of a line: who hands something on comes after who takes it.
pub(crate) fn services(ground: &Ground<'_>) -> anyhow::Result<Vec<Service>> {
    let has = |role| ground.config.has(role);
    let mut services = Vec::new();
    if has(Role::Read) {
        services.push(read::service(ground)?);
    }
    let sessions = if has(Role::Push) {
        let (service, sessions) = push::service(ground)?;
        services.push(service);
        Some(sessions)
    } else {
        None
    };
    let (service, roster) = membership::service(ground, sessions.clone());
    services.push(service);
    let sessions = sessions.map(|sessions| sessions.hints);
    let dispatcher = if has(Role::Dispatch) {
        let (service, dispatcher) = dispatch::service(ground, sessions.clone(), &roster);
        services.push(service);
        Some(dispatcher as Arc<dyn HintSink>)
    } else {
        None
    };
    if has(Role::Collect) {
        services.push(collect::service(ground, dispatcher.clone(), &roster)?);
    }
    services.extend(links::inbound(ground, dispatcher, sessions));
    if has(Role::Auth) {
        services.push(auth::service(ground)?);
    }
    if has(Role::Web) {
        services.push(web::service());
    }
    services.push(upkeep::service(ground)?);
    Ok(services)
}
