// Probot with a handler that does nothing: `node probot.mjs PORT SECRET PRIVATE_KEY_FILE`.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createNodeMiddleware, createProbot } from "probot";

const [port, secret, keyFile] = process.argv.slice(2);
const probot = createProbot({
  overrides: { appId: 1, privateKey: readFileSync(keyFile, "utf8"), secret, logLevel: "error" },
});
const app = (robot) => {
  robot.on("pull_request", async () => {});
};
const middleware = await createNodeMiddleware(app, { probot, webhooksPath: "/github/webhooks" });
createServer(middleware).listen(Number(port), "127.0.0.1", () => console.log("up"));
