// Makes a fresh mongod a replica set of one member with one user per program. Run any number of
// times: what exists stays as it is.
//
// Every call is awaited by hand: mongosh's own waiting misses what a try block returns.

const ALREADY_INITIALIZED = 23;
const AUTHENTICATION_FAILED = 18;
const USER_EXISTS = 51003;
const PRIMARY_WAIT_MS = 60000;
const POLL_MS = 100;
const HERE = "127.0.0.1:27017";

const env = process.env;

async function ignoring(code, action) {
  try {
    await action();
  } catch (error) {
    if (error.code !== code) throw error;
  }
}

async function waitForPrimary(db) {
  const deadline = Date.now() + PRIMARY_WAIT_MS;
  while (!(await db.hello()).isWritablePrimary) {
    if (Date.now() > deadline) throw new Error("mongod did not become primary");
    await sleep(POLL_MS);
  }
}

// Until the first user exists, mongod lets a local client without a name do this much.
async function firstStart() {
  const admin = await connect(`mongodb://${HERE}/admin?directConnection=true`);
  const config = { _id: "rs0", members: [{ _id: 0, host: "mongodb:27017" }] };
  await ignoring(ALREADY_INITIALIZED, () => admin.adminCommand({ replSetInitiate: config }));
  await waitForPrimary(admin);
  const user = { user: "seatline_admin", pwd: env.MONGO_ADMIN_PASSWORD, roles: ["root"] };
  await ignoring(USER_EXISTS, () => admin.createUser(user));
}

function connectAsAdmin() {
  const who = `seatline_admin:${encodeURIComponent(env.MONGO_ADMIN_PASSWORD)}`;
  return connect(`mongodb://${who}@${HERE}/admin?directConnection=true`);
}

async function main() {
  let admin;
  try {
    admin = await connectAsAdmin();
  } catch (error) {
    if (error.code !== AUTHENTICATION_FAILED) throw error;
    await firstStart();
    admin = await connectAsAdmin();
  }
  await waitForPrimary(admin);
  const seatline = await admin.getSiblingDB("seatline");
  for (const [user, pwd, role] of [
    ["seatline_projector", env.MONGO_PROJECTOR_PASSWORD, "readWrite"],
    ["seatline_read_api", env.MONGO_READ_API_PASSWORD, "read"],
  ]) {
    await ignoring(USER_EXISTS, () => seatline.createUser({ user, pwd, roles: [role] }));
  }
  print("replica set rs0 is primary");
}

main();
