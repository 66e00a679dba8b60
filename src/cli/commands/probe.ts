import type { Command } from 'commander'
import { loadConfig } from '../../config/load.js'
import { probeOnce } from '../../control/probe-run.js'
import { selectTargets } from '../../control/probe-selection.js'
import { withCommandPorts } from '../../control/command-ports.js'
import { NetworkNamespace } from '../../system/netns.js'
import { directorOf } from '../director.js'
import { globalOptions, openInstance } from '../options.js'
import { Exit, print, printJson } from '../output.js'
import { formatProbed, probedJson } from '../probe-text.js'

interface Options {
  file?: string
  json: boolean
}

export function addProbe(program: Command): void {
  program
    .command('probe')
    .description('run the health check of reals once through the isolated path, and say each step')
    .argument('<service>', 'name of a service')
    .argument('[real]', 'ADDRESS or ADDRESS:PORT; default: all of the service')
    .option('-f, --file <file>', 'the configuration, which says how to check; default: /etc/veer/INSTANCE.yaml')
    .option('--json', 'print JSON', false)
    .action(async (service: string, real: string | undefined, { file, json }: Options, command: Command) => {
      const options = globalOptions(command)
      const config = loadConfig(file ?? `/etc/veer/${options.instance}.yaml`)
      using instance = openInstance(options)
      const targets = selectTargets(config, directorOf(options).probeTargets(config), service, real)
      const location = { name: options.instance, bpffs: options.bpffs }
      const host = NetworkNamespace.open(options.netns)
      const probed = await withCommandPorts(instance, () => probeOnce(location, host, targets))
      if (json) printJson({ checks: probed.map(probedJson) })
      else print(probed.map(formatProbed).join('\n\n'))
      if (probed.some(({ result }) => !result.ok)) process.exitCode = Exit.failed
    })
}
