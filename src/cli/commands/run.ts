import type { Command } from 'commander'
import { Daemon } from '../../control/daemon.js'
import { NetworkNamespace } from '../../system/netns.js'
import { ServiceManager } from '../../system/service-manager.js'
import { createLogger } from '../logger.js'
import { directorOf } from '../director.js'
import { globalOptions } from '../options.js'

export function addRun(program: Command): void {
  program
    .command('run')
    .description('attach or adopt, then follow the file, the reals and their health; leaves the dataplane forwarding at the end')
    .requiredOption('-f, --file <file>', 'the configuration; read again when it changes and on SIGHUP')
    .action(async ({ file }: { file: string }, command: Command) => {
      const options = globalOptions(command)
      const log = createLogger(options.instance, options.verbose)
      const namespace = NetworkNamespace.open(options.netns)
      const manager = new ServiceManager({ onFailure: (err) => log.warn({ err }, 'the service manager cannot be reached') })
      const location = { name: options.instance, bpffs: options.bpffs }
      const daemon = new Daemon({ director: directorOf(options), location, namespace, file, log, manager })
      const ended = signalToEnd()
      process.on('SIGHUP', () => daemon.reload('SIGHUP'))
      try {
        await daemon.start()
        log.info('running')
        const signal = await ended
        log.info({ signal }, 'stopping; the dataplane goes on forwarding')
      } finally {
        await daemon.stop()
      }
    })
}

function signalToEnd(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve)
  })
}
