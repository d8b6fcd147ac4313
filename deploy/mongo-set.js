// Makes the three members of docker-compose.yml one replica set with two users, and waits until it takes writes. Run by mongosh at
// mongo-1 itself: until there is a user, MongoDB lets only the same machine do this. Run again, it changes nothing.

const secret = (name) => require("fs").readFileSync(`/run/secrets/${name}`, "utf8").trim();
const password = secret("mongo-admin-password");
const hosts = [1, 2, 3].map((n) => `mongo-${n}:27017`);

const until = (condition) => {
  while (!condition()) sleep(200);
};
const worked = (action) => {
  try {
    return action();
  } catch (error) {
    print(`not yet: ${error.message}`);
    return false;
  }
};

const admin = db.getSiblingDB("admin");
const signedIn = () => worked(() => admin.auth("admin", password).ok === 1);

if (!signedIn()) {
  // Alone first, so that it is certain who may make the first user.
  worked(() => rs.initiate({ _id: "tailcast", members: [{ _id: 1, host: hosts[0] }] }));
  until(() => db.hello().isWritablePrimary);
  admin.createUser({ user: "admin", pwd: password, roles: ["root"] });
}

// From here on by the set's address: another member may be the primary.
const known = `mongodb://admin:${password}@${hosts[0]}/admin?replicaSet=tailcast&authSource=admin`;
db = connect(known);
for (const host of hosts) {
  until(() => worked(() => rs.conf().members.some((member) => member.host === host) || rs.add(host).ok === 1));
}
const healthy = () => rs.status().members.filter((member) => [1, 2].includes(member.state)).length === hosts.length;
until(() => worked(healthy));

// What the nodes need: to read and write their own database, to say which inserts it admits, and nothing else.
const roles = [{ role: "readWrite", db: "tailcast" }, "tailcast-fence"];
const fence = { resource: { db: "tailcast", collection: "batches" }, actions: ["collMod"] };
const users = db.getSiblingDB("admin");
if (!users.getRole("tailcast-fence")) {
  users.createRole({ role: "tailcast-fence", privileges: [fence], roles: [] });
}
if (!users.getUser("tailcast")) {
  users.createUser({ user: "tailcast", pwd: secret("mongo-password"), roles });
} else {
  users.grantRolesToUser("tailcast", roles);
}
