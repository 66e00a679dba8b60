/** Options and services that every command shares. */
import type { Command } from 'commander'
import { Instance } from '../dataplane/instance.js'
import { VeerError } from '../errors.js'
import { requireCapabilities } from '../system/capabilities.js'

export interface GlobalOptions {
  instance: string
  netns?: string
  bpffs: string
  verbose: boolean
}

const INSTANCE_NAME = /^[a-z0-9-]{1,63}$/

/** Adds the global options to the program. */
export function addGlobalOptions(program: Command): Command {
  return program
    .option('--instance <name>', 'which director on this host; instances are independent', 'default')
    .option('--netns <name|path>', 'act on the interfaces of this network namespace')
    .option('--bpffs <dir>', 'where pins live', '/sys/fs/bpf')
    .option('--verbose', 'print stacks and whole verifier logs with errors', false)
}

/** The global options as given; throws `LB_ERR_INSTANCE_NAME`. */
export function globalOptions(command: Command): GlobalOptions {
  const options = command.optsWithGlobals<GlobalOptions>()
  if (INSTANCE_NAME.test(options.instance)) return options
  throw new VeerError('LB_ERR_INSTANCE_NAME', `\`${options.instance}\` is no instance name`, {
    hint: 'use 1 to 63 of a-z, 0-9 and -',
  })
}

/** The pinned instance, for commands that only read. */
export function openInstance(options: GlobalOptions): Instance {
  requireCapabilities()
  return Instance.open({ name: options.instance, bpffs: options.bpffs })
}
