// The driver plays scenarios: a request names one and a transport, and is answered with
// the transcripts of Node's servers and of ours.
//
//   node driver.js OUR-SERVER
import { readdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { ServerProcess } from "./process.js";
import { perform, scenarios } from "./scenario.js";

const here = new URL(".", import.meta.url);
for (const file of (await readdir(new URL("scenarios/", here))).sort()) await import(new URL("scenarios/" + file, here));

const say = v => process.stdout.write(JSON.stringify(v) + "\n");
say({ cells: [...scenarios.values()].flatMap(s => s.transports.map(transport => ({ scenario: s.name, transport }))) });

const node = new ServerProcess(process.execPath, [new URL("server.js", here).pathname], true);
const ours = new ServerProcess(process.argv[2], [], false);
process.on("uncaughtException", e => console.error("uncaught in the clients:", e.stack));

createInterface({ input: process.stdin })
  .on("line", async line => {
    const { id, scenario: name, transport } = JSON.parse(line);
    const s = scenarios.get(name);
    const alike = s.servers === 3 ? 3 : 1;
    const plays = { node: perform(node, s, transport, alike) };
    if (alike === 1) plays["ours, one server"] = perform(ours, s, transport, 1);
    if (s.servers !== 1) plays["ours, three servers"] = perform(ours, s, transport, 3);
    const transcripts = {};
    for (const [who, transcript] of Object.entries(plays)) transcripts[who] = await transcript;
    say({ id, ok: true, result: transcripts });
  })
  .on("close", () => {
    node.child.stdin.end();
    ours.child.stdin.end();
    process.exit(0);
  });
