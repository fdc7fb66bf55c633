// Makes a fresh mongod a replica set of one member with one user per program. Run any number of
// times: users get these passwords and the rights below, whatever they had.
//
// Every call is awaited by hand: mongosh's own waiting misses what a try block returns.

const ALREADY_INITIALIZED = 23;
const AUTHENTICATION_FAILED = 18;
const ROLE_EXISTS = 51002;
const USER_EXISTS = 51003;
const PRIMARY_WAIT_MS = 60000;
const POLL_MS = 100;
const HERE = "127.0.0.1:27017";

// No program may drop, rename, or look at another database. A change stream over all collections
// needs its right, and find, on all of them.
const RIGHTS = {
  seatline_projector: ["find", "insert", "update", "remove", "createCollection", "createIndex"],
  seatline_read_api: ["find", "changeStream"],
};

const env = process.env;

async function ignoring(code, action) {
  try {
    await action();
    return true;
  } catch (error) {
    if (error.code !== code) throw error;
    return false;
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

// A user with a role of the same name: created, or changed when it is there already.
async function settleProgram(db, name, pwd) {
  const privileges = [{ resource: { db: "seatline", collection: "" }, actions: RIGHTS[name] }];
  const role = { privileges, roles: [] };
  const user = { pwd, roles: [name] };
  if (!(await ignoring(ROLE_EXISTS, () => db.createRole({ role: name, ...role }))))
    await db.updateRole(name, role);
  if (!(await ignoring(USER_EXISTS, () => db.createUser({ user: name, ...user }))))
    await db.updateUser(name, user);
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
  await settleProgram(seatline, "seatline_projector", env.MONGO_PROJECTOR_PASSWORD);
  await settleProgram(seatline, "seatline_read_api", env.MONGO_READ_API_PASSWORD);
  print("replica set rs0 is primary");
}

main();
