/** One writer at a time per instance. */
import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf, VeerError } from '../errors.js'
import { native } from '../native.js'

/** Locks, and what an instance has to remember of the host. */
export const RUN_DIRECTORY = '/run/veer'
const RETRY_MS = 50

export interface LockOptions {
  /** How long to wait for another holder; default 5000. */
  waitMs?: number
  /** Default /run/veer. */
  directory?: string
  /** What is locked, for the error; default: the instance. */
  what?: string
}

/** The lock file of an instance; it is there while somebody holds the lock, or died with it. */
export function instanceLockPath(instance: string, directory: string = RUN_DIRECTORY): string {
  return `${directory}/${instance}.lock`
}

/**
 * Runs `work` as the only writer of `instance` on this machine, and gives the lock back when its promise
 * settles. The kernel drops the lock of a process that dies. Throws `LB_ERR_INSTANCE_BUSY`.
 */
export async function withInstanceLock<T>(
  instance: string,
  work: () => Promise<T> | T,
  options: LockOptions = {},
): Promise<T> {
  const path = instanceLockPath(instance, options.directory)
  const lock = await acquire(options.what ?? `instance ${instance}`, path, options.waitMs ?? 5000)
  try {
    return await work()
  } finally {
    // Only the holder removes it, and while it is the holder: lockFile gives no lock on a file that has gone.
    rmSync(path, { force: true })
    lock.close()
  }
}

async function acquire(what: string, path: string, waitMs: number): Promise<{ close(): void }> {
  mkdirSync(dirname(path), { recursive: true })
  for (let waited = 0; ; waited += RETRY_MS) {
    try {
      return native().lockFile(path)
    } catch (error) {
      if (errnoOf(error) !== 'EWOULDBLOCK') throw error
      if (waited >= waitMs) throw busy(what, path, error)
    }
    await sleep(RETRY_MS)
  }
}

function busy(what: string, path: string, cause: unknown): VeerError {
  return new VeerError('LB_ERR_INSTANCE_BUSY', `${what} is being changed by another process (${path})`, {
    hint: `try again, or see who holds it: fuser -v ${path}`,
    cause,
  })
}
