// Makes a fresh mongod a replica set of one member with one user per program. Run any number of
// times: what exists stays as it is.

const ALREADY_INITIALIZED = 23;
const AUTHENTICATION_FAILED = 18;
const USER_EXISTS = 51003;
const PRIMARY_WAIT_MS = 60000;
const POLL_MS = 100;

const env = process.env;

function ignoring(code, action) {
  try {
    action();
  } catch (error) {
    if (error.code !== code) throw error;
  }
}

function waitForPrimary(db) {
  const deadline = Date.now() + PRIMARY_WAIT_MS;
  while (!db.hello().isWritablePrimary) {
    if (Date.now() > deadline) throw new Error("mongod did not become primary");
    sleep(POLL_MS);
  }
}

// Until the first user exists, mongod lets a local client without a name do this much.
function firstStart() {
  const admin = new Mongo("mongodb://127.0.0.1:27017/?directConnection=true").getDB("admin");
  const config = { _id: "rs0", members: [{ _id: 0, host: "mongodb:27017" }] };
  ignoring(ALREADY_INITIALIZED, () => admin.adminCommand({ replSetInitiate: config }));
  waitForPrimary(admin);
  const user = { user: "seatline_admin", pwd: env.MONGO_ADMIN_PASSWORD, roles: ["root"] };
  ignoring(USER_EXISTS, () => admin.createUser(user));
}

function connectAsAdmin() {
  const password = encodeURIComponent(env.MONGO_ADMIN_PASSWORD);
  return new Mongo(
    `mongodb://seatline_admin:${password}@127.0.0.1:27017/?directConnection=true&authSource=admin`);
}

function open() {
  try {
    return connectAsAdmin();
  } catch (error) {
    if (error.code !== AUTHENTICATION_FAILED) throw error;
    firstStart();
    return connectAsAdmin();
  }
}

const client = open();
waitForPrimary(client.getDB("admin"));
const seatline = client.getDB("seatline");
for (const [user, pwd, role] of [
  ["seatline_projector", env.MONGO_PROJECTOR_PASSWORD, "readWrite"],
  ["seatline_read_api", env.MONGO_READ_API_PASSWORD, "read"],
]) {
  ignoring(USER_EXISTS, () => seatline.createUser({ user, pwd, roles: [role] }));
}
print("replica set rs0 is primary");
