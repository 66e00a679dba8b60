import type { Command } from 'commander'
import { loadConfig } from '../../config/load.js'
import type { Finding } from '../../control/doctor.js'
import { examine } from '../../control/doctor.js'
import { NetworkNamespace } from '../../system/netns.js'
import { globalOptions } from '../options.js'
import { columns, Exit, print, printJson } from '../output.js'

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what the host lacks, each finding with what mends it')
    .option('-f, --file <file>', 'examine the interfaces of this configuration')
    .option('--json', 'print JSON', false)
    .action(async ({ file, json }: { file?: string; json: boolean }, command: Command) => {
      const { instance, bpffs, netns } = globalOptions(command)
      const names = file === undefined ? [] : loadConfig(file).interfaces.map(({ name }) => name)
      const findings = await examine({ name: instance, bpffs }, NetworkNamespace.open(netns), names)
      if (json) printJson({ findings })
      else print(formatFindings(findings))
      if (findings.some(({ status }) => status === 'failure')) process.exitCode = Exit.failed
    })
}

function formatFindings(findings: readonly Finding[]): string {
  return columns(
    findings.map(({ subject, status, message, fix }) => [status, subject, fix === null ? message : `${message}; ${fix}`]),
  )
}
