import type { Logger } from 'pino'
import { pino } from 'pino'
import { PinoPretty } from 'pino-pretty'

/** Structured lines on stdout; readable ones on a terminal. */
export function createLogger(instance: string, verbose: boolean): Logger {
  const options = { level: verbose ? 'debug' : 'info', base: { instance } }
  return process.stdout.isTTY ? pino(options, PinoPretty({ colorize: true })) : pino(options)
}
