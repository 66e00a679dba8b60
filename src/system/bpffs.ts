/** The BPF filesystem that the pins live in. */
import { execFileSync } from 'node:child_process'
import { existsSync, rmdirSync, statfsSync } from 'node:fs'
import { VeerError } from '../errors.js'

/** BPF_FS_MAGIC of linux/magic.h. */
const BPF_FS_MAGIC = 0xcafe4a11

/** Whether `directory` exists and lies in a BPF filesystem. */
export function isBpffs(directory: string): boolean {
  return existsSync(directory) && statfsSync(directory).type === BPF_FS_MAGIC
}

/** Makes sure that `directory` lies in a BPF filesystem, and mounts one there if not. Throws `LB_ERR_BPFFS_UNAVAILABLE`. */
export function ensureBpffs(directory: string): void {
  if (isBpffs(directory)) return
  const isNew = !existsSync(directory)
  try {
    // mkdirSync with recursive never returns where the kernel says ENOENT to every new name, as /proc does.
    execFileSync('mkdir', ['-p', directory], { stdio: 'pipe' })
    if (!isBpffs(directory)) execFileSync('mount', ['-t', 'bpf', 'bpf', directory], { stdio: 'pipe' })
  } catch (cause) {
    if (isNew && existsSync(directory)) rmdirSync(directory)
    throw new VeerError('LB_ERR_BPFFS_UNAVAILABLE', `cannot mount a BPF filesystem at ${directory}: ${reason(cause)}`, {
      hint: 'run as root, or name another directory with --bpffs',
      cause,
    })
  }
}

/** The first line of what mount said, without its own repetition of the path. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const stderr = 'stderr' in error ? String(error.stderr).trim() : ''
  return (stderr || error.message).split('\n')[0]?.replace(/^(mount: [^:]+|mkdir: .+): /, '') ?? ''
}
