// Checks webhooks with the public library of Standard Webhooks: verify.mjs SECRET FILE, where FILE holds a line of JSON
// {headers, body} for each of them. Prints how many are genuine, and how many still were after one byte was changed.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const [secret, file] = process.argv.slice(2);
if (!file) {
  console.error("usage: verify.mjs SECRET FILE");
  process.exit(2);
}
const webhook = new Webhook(secret);

function genuine(body, headers) {
  try {
    webhook.verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

const lines = readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
console.log(
  JSON.stringify({
    genuine: lines.filter(({ headers, body }) => genuine(body, headers)).length,
    forged: lines.filter(({ headers, body }) => genuine(body.replace("}", " }"), headers)).length,
  }),
);
