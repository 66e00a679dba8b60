/** A second opinion on checksums, by code that is not ours: Debian's python3-scapy. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { toHex } from './packet/bytes.js'

/** Debian's interpreter by its path: python3-scapy is installed for that one. */
const PYTHON = '/usr/bin/python3'
const SCRIPT = fileURLToPath(new URL('./scapy-verdict.py', import.meta.url))

/**
 * For each frame `ok`, or how the frame differs once scapy has computed all its checksums anew.
 * One process for all of them; a missing scapy throws.
 */
export function scapyVerdict(frames: Uint8Array[]): string[] {
  const input = frames.map((frame) => `${toHex(frame)}\n`).join('')
  const output = execFileSync(PYTHON, [SCRIPT], { input, encoding: 'utf8', maxBuffer: 64 << 20 })
  return output.trimEnd().split('\n')
}
