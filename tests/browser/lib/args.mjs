// Arguments as `--name value` or bare words, and results as one line of JSON.
import { parseArgs } from 'node:util';

export function readArgs(options, usage) {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}

/** Prints the result; a failure goes to stderr and exits with 1. */
export async function report(work) {
  try {
    console.log(JSON.stringify(await work()));
    process.exitCode = 0;
  } catch (error) {
    console.error(error?.stack ?? String(error));
    process.exitCode = 1;
  }
}
