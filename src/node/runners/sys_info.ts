import { splitCommand } from "../../base/shell_words.ts";
import type { SysInfoData } from "../item.ts";
import type { Runner } from "../runner.ts";
import type { RunnerConfigs } from "../runner_schemas.ts";
import { describeCommands, describeFiles, describeSettings, describeVariables } from "./sys_info/chosen.ts";
import {
  describeClock,
  describeCpu,
  describeKernel,
  describeLoad,
  describeMemory,
  describeOs,
  describeTcp,
} from "./sys_info/machine.ts";
import { describeInterfaces, describeQdiscs } from "./sys_info/network.ts";
import { type Section, Survey } from "./sys_info/survey.ts";

/** Describes the node's system. */
export const sysInfo: Runner<RunnerConfigs["sysInfo"]> = {
  needs: ({ commands = [] }) => ({ programs: commands.flatMap((command) => splitCommand(command)?.slice(0, 1) ?? []) }),
  async run(config, context) {
    const survey = new Survey(context);
    const network = describeInterfaces(survey);
    const sections: Record<string, Promise<Section>> = {
      os: describeOs(),
      kernel: describeKernel(),
      cpu: describeCpu(),
      memory: describeMemory(),
      load: describeLoad(),
      clock: describeClock(),
      tcp: describeTcp(),
      interfaces: network.then(({ interfaces }) => interfaces),
      offloads: network.then(({ offloads }) => offloads),
      qdiscs: describeQdiscs(survey),
      commands: describeCommands(config.commands ?? [], survey),
      files: describeFiles(config.files ?? [], survey),
      env: describeVariables(config.env ?? [], survey),
      sysctl: describeSettings(config.sysctl ?? [], survey),
    };
    // The run waits for all sections, also when it is canceled.
    const settled = await Promise.allSettled(Object.values(sections));
    const values = settled.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return known(result.value);
    });
    const named = Object.keys(sections).map((title, i) => [title, values[i]] as const);
    const notes = ["notes", known(Object.fromEntries(survey.notes))] as const;
    const withContent = [...named, notes].filter((entry): entry is [string, Content] => entry[1] !== undefined);
    await context.send({ type: "sysInfo", sections: Object.fromEntries(withContent) });
  },
};

type Content = SysInfoData["sections"][string];

/** Returns a section without what is not known; undefined if nothing is known. */
function known(section: Section): Content | undefined {
  if (typeof section !== "object") return section === "" ? undefined : section;
  const entries = Object.entries(section).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
