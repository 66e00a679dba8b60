import type { Writable } from 'node:stream'
import { errnoOf } from '../errors.js'

/**
 * Writes each text when the one before it is written, so that no more is made than is read. Ends quietly when nobody
 * reads any more, as with `veer conns | head`.
 */
export async function stream(texts: Iterable<string>, to: Writable = process.stdout): Promise<void> {
  // A write's error comes to its callback, and some time later to the listeners, without which it ends the process.
  to.on('error', () => undefined)
  for (const text of texts) {
    const failure = await written(text, to)
    if (errnoOf(failure) === 'EPIPE') return
    if (failure !== undefined) throw failure
  }
}

/** What went wrong, if anything did. */
function written(text: string, to: Writable): Promise<Error | undefined> {
  return new Promise((resolve) => to.write(text, (error) => resolve(error ?? undefined)))
}
