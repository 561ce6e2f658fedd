// A real mediasoup for the tests: npm's `mediasoup`, and the C++ worker that tests/sfu has built already.
//
// npm's package would download its worker, or build it from sources that it downloads. The crate under tests/sfu has
// built the same sources into a library under the target folder; the three files that differ between a library and a
// program are compiled again, and linked with it. That takes seconds.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const SOURCES = ['main', 'Worker', 'lib'];
// As tests/sfu/build.rs links it.
const LIBRARIES = ['ssl', 'crypto', 'uv', 'srtp2', 'flatbuffers', 'pthread'].map((name) => `-l${name}`);

function target() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return process.env.CARGO_TARGET_DIR || join(cache, 'tureen/target');
}

function library() {
  const found = ['debug', 'release'].flatMap((profile) => {
    const build = join(target(), profile, 'build');
    const crates = existsSync(build) ? readdirSync(build).filter((name) => name.startsWith('mediasoup-sys-')) : [];
    return crates.map((name) => join(build, name, 'out/build')).filter((at) => existsSync(join(at, 'libmediasoup-worker.a')));
  });
  const newest = (at) => statSync(join(at, 'libmediasoup-worker.a')).mtimeMs;
  found.sort((a, b) => newest(b) - newest(a));
  if (found.length === 0) throw new Error(`no mediasoup worker in ${target()}: cargo build --workspace first`);
  return found[0];
}

/** The worker's path, built when it is not there yet. */
export function worker() {
  if (process.env.MEDIASOUP_WORKER_BIN) return process.env.MEDIASOUP_WORKER_BIN;
  const cwd = library();
  const archive = join(cwd, 'libmediasoup-worker.a');
  const folder = join(target(), 'mediasoup-worker');
  const program = join(folder, 'mediasoup-worker');
  if (existsSync(program) && statSync(program).mtimeMs >= statSync(archive).mtimeMs) return program;
  const mine = join(folder, String(process.pid));
  mkdirSync(mine, { recursive: true });
  const commands = JSON.parse(readFileSync(join(cwd, 'compile_commands.json'), 'utf8'));
  const main = commands.find((one) => one.output === 'mediasoup-worker.p/src_main.cpp.o');
  const [compiler, ...words] = main.command.split(' ');
  // Only what the files need: not where the object and its dependencies go, and quicker than -O3.
  const flags = words.filter((word) => /^-([ID]|std)/.test(word)).map((word) => word.replaceAll("'", ''));
  const objects = SOURCES.map((name) => {
    const object = join(mine, `${name}.o`);
    execFileSync(compiler, [...flags, '-O1', '-c', `../build-src/src/${name}.cpp`, '-o', object], { cwd, stdio: 'pipe' });
    return object;
  });
  execFileSync(compiler, ['-o', join(mine, 'worker'), ...objects, archive, ...LIBRARIES], { cwd, stdio: 'pipe' });
  renameSync(join(mine, 'worker'), program);
  rmSync(mine, { recursive: true });
  return program;
}

/**
 * The worker's sources are some commits ahead of npm's newest release, and one table of what is said between them has
 * five new members: the places of the others behind them, as in the crate's fbs/transport.fbs.
 */
function adapt(require) {
  const { Options } = require(join(dirname(require.resolve('mediasoup')), 'fbs/transport/options.js'));
  const numbers = ['MaxSendMessageSize', 'MaxReceiveMessageSize', 'SctpSendBufferSize', 'SctpPerStreamSendQueueLimit',
    'SctpMaxReceiverWindowBufferSize', 'SctpDefaultStreamBufferedAmountLowThreshold'];
  Options.startOptions = (builder) => builder.startObject(15);
  Options.addInitialAvailableOutgoingBitrate = (builder, value) => builder.addFieldInt64(2, value, null);
  Options.addEnableSctp = (builder, value) => builder.addFieldInt8(6, +value, 0);
  numbers.forEach((name, index) => {
    Options[`add${name}`] = (builder, value) => builder.addFieldInt32(7 + index, value, 0);
  });
  Options.addIsDataChannel = (builder, value) => builder.addFieldInt8(14, +value, 0);
}

/** npm's mediasoup, as whoever is at `from` finds it, ready to make workers. */
export function mediasoup(from = import.meta.url) {
  const require = createRequire(from);
  process.env.MEDIASOUP_WORKER_BIN = worker();
  adapt(require);
  return require('mediasoup');
}
