// Prints `label confidence` for each text: node classify.js [--url HOST:PORT] TEXT...
"use strict";

const path = require("node:path");
const { parseArgs } = require("node:util");
const grpc = require("@grpc/grpc-js");
const { loadSync } = require("@grpc/proto-loader");

const PROTO = path.join(__dirname, "..", "inference.proto");
const TIMEOUT_S = 10;
// What Triton says; a prefix may stand before it, so look for it anywhere in the message.
const BUSY = /is overloaded|Exceeds maximum queue size|Request timeout expired/;
const UNWELL = /is not healthy|has no available versions|is not at ready state|Server is stopping/;

/** Asks for all texts in one request, at most 64; rejects with gRPC's error. */
function infer(client, texts) {
  const contents = { bytes_contents: texts.map((text) => Buffer.from(text)) };
  const request = {
    model_name: "emotion_text",
    inputs: [{ name: "text", datatype: "BYTES", shape: [texts.length, 1], contents }],
    outputs: [{ name: "label" }, { name: "confidence" }],
  };
  const options = { deadline: Date.now() + TIMEOUT_S * 1000 };
  return new Promise((resolve, reject) => {
    const finish = (error, answer) => (error ? reject(error) : resolve(answer));
    client.ModelInfer(request, options, finish);
  });
}

/** Returns the bytes of an output; their order in the answer is the server's. */
function findRaw(answer, name) {
  return answer.raw_output_contents[answer.outputs.findIndex((output) => output.name === name)];
}

/** Reads strings: of each its length in bytes (4 bytes, little-endian), then its UTF-8. */
function readStrings(raw) {
  const strings = [];
  for (let start = 0, end; start < raw.length; start = end) {
    end = start + 4 + raw.readUInt32LE(start);
    strings.push(raw.toString("utf8", start + 4, end));
  }
  return strings;
}

/** Returns one sentence: what happened, and whether to ask again. */
function explain({ code, details, message }) {
  const { CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE } = grpc.status;
  if (code === DEADLINE_EXCEEDED) return `no answer within ${TIMEOUT_S} s`;
  if (BUSY.test(details)) return `the server is busy, ask again in a moment (${details})`;
  if (code === CANCELLED || code === UNAVAILABLE || UNWELL.test(details))
    return `the server is not well, ask another one, or this one later (${details})`;
  return details || message;
}

async function main() {
  const { values, positionals: texts } = parseArgs({
    options: { url: { type: "string", default: "127.0.0.1:8001" } },
    allowPositionals: true,
  });
  if (texts.length === 0) throw new Error("give at least one text");
  const { inference } = grpc.loadPackageDefinition(loadSync(PROTO, { keepCase: true }));
  // A service makes one client and keeps it: many calls share its connection.
  const client = new inference.GRPCInferenceService(values.url, grpc.credentials.createInsecure());
  try {
    const answer = await infer(client, texts);
    const confidences = findRaw(answer, "confidence");
    readStrings(findRaw(answer, "label")).forEach((label, row) => {
      console.log(`${label} ${confidences.readFloatLE(4 * row).toFixed(2)}`);
    });
  } finally {
    client.close();
  }
}

main().catch((error) => {
  console.error(`classify: ${explain(error)}`);
  process.exitCode = 1;
});
