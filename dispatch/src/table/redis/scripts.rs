//! What is done in Redis, each by a script that touches one key and bears whatever it finds there.
//!
//! Others can write to the same Redis, by mistake or not. A key of the wrong type is made anew by whoever writes it and
//! is empty, or no answer, for whoever reads it; and no answer has more members, or longer ones, than it was asked for.

use std::time::Duration;

use redis::Cmd;

/// The longest name of a node, a stream or a pattern, in bytes: what is longer is none. Also the most bytes of each
/// field of a lease that are looked at, but for [`LONGEST_FIELD`].
const LONGEST_MEMBER: usize = 256;
/// The longest field of a lease, in bytes.
const LONGEST_FIELD: usize = 1024;

/// Takes the lease out or renews it, and tells how many of its fields are new: all of them when it was gone. A script,
/// so that no lease is ever left without an end.
const RENEW: &str = "if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end \
                     local new = redis.call('HSET', KEYS[1], unpack(ARGV, 2)) \
                     redis.call('PEXPIRE', KEYS[1], ARGV[1]) return new";

/// A lease's fields; none when there is no lease, or when one of them is too long.
const LEASE: &str = "if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return {} end \
                     local fields = redis.call('HMGET', KEYS[1], unpack(ARGV, 2)) \
                     for _, field in ipairs(fields) do \
                     if field and #field > tonumber(ARGV[1]) then return {} end end \
                     return fields";

/// All members of a set; nothing at all when it is no set, or has too many.
const MEMBERS: &str = "local kind = redis.call('TYPE', KEYS[1]).ok \
                       if kind == 'none' then return {} end \
                       if kind ~= 'set' or redis.call('SCARD', KEYS[1]) > tonumber(ARGV[1]) then return false end \
                       local some = {} \
                       for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do \
                       if #member <= tonumber(ARGV[2]) then some[#some + 1] = member end end \
                       return some";

/// Some members of a set, after those that are too long were removed.
const SOME: &str = "if redis.call('TYPE', KEYS[1]).ok ~= 'set' then redis.call('DEL', KEYS[1]) return {} end \
                    local some = {} \
                    for _, member in ipairs(redis.call('SRANDMEMBER', KEYS[1], ARGV[1])) do \
                    if #member <= tonumber(ARGV[2]) then some[#some + 1] = member \
                    else redis.call('SREM', KEYS[1], member) end end \
                    return some";

const ADD: &str = "local kind = redis.call('TYPE', KEYS[1]).ok \
                   if kind ~= 'set' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end \
                   return redis.call('SADD', KEYS[1], unpack(ARGV))";

const REMOVE: &str = "if redis.call('TYPE', KEYS[1]).ok ~= 'set' then return 0 end \
                      return redis.call('SREM', KEYS[1], unpack(ARGV))";

const COUNT: &str = "if redis.call('TYPE', KEYS[1]).ok ~= 'set' then return 0 end \
                     return redis.call('SCARD', KEYS[1])";

const LIST: &str = "local kind = redis.call('TYPE', KEYS[1]).ok \
                    if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end \
                    return redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])";

/// The members with the highest scores.
const NEWEST: &str = "if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then return {} end \
                      local some = {} \
                      for _, member in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)) do \
                      if #member <= tonumber(ARGV[2]) then some[#some + 1] = member end end \
                      return some";

/// Takes out or renews the lease at `key`.
pub(super) fn renew<'a>(
    key: &str,
    lasts: Duration,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Cmd {
    let mut command = on(RENEW, key);
    command.arg(u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
    for (name, value) in fields {
        command.arg(name).arg(value);
    }
    command
}

/// The lease at `key`: a value or nil for each field, in their order, or no values.
pub(super) fn lease(key: &str, fields: &[&str]) -> Cmd {
    on(LEASE, key).arg(LONGEST_FIELD).arg(fields).take()
}

/// All members of the set at `key`; nil when there are more than `most`.
pub(super) fn members(key: &str, most: usize) -> Cmd {
    on(MEMBERS, key).arg(most).arg(LONGEST_MEMBER).take()
}

/// At most `most` members of the set at `key`.
pub(super) fn some(key: &str, most: usize) -> Cmd {
    on(SOME, key).arg(most).arg(LONGEST_MEMBER).take()
}

/// Adds to the set at `key`; at least one member.
pub(super) fn add<T: redis::ToRedisArgs>(key: &str, members: T) -> Cmd {
    on(ADD, key).arg(members).take()
}

/// Removes from the set at `key`; at least one member.
pub(super) fn remove<T: redis::ToRedisArgs>(key: &str, members: T) -> Cmd {
    on(REMOVE, key).arg(members).take()
}

/// How many members the set at `key` has.
pub(super) fn count(key: &str) -> Cmd {
    on(COUNT, key)
}

/// Puts a member on the list at `key`, with a score. Tells whether it is new.
pub(super) fn list(key: &str, score: u64, member: &str) -> Cmd {
    on(LIST, key).arg(score).arg(member).take()
}

/// The members of the list at `key` with the highest scores, at most `most`.
pub(super) fn newest(key: &str, most: usize) -> Cmd {
    on(NEWEST, key).arg(most).arg(LONGEST_MEMBER).take()
}

fn on(script: &str, key: &str) -> Cmd {
    redis::cmd("EVAL").arg(script).arg(1).arg(key).take()
}
