import { expect, test } from "vitest";
import { disabledMethods, refuseInState } from "./admission.ts";

const powerStates = ["poweredOff", "poweredOn", "suspended"] as const;
const task = { type: "Task", value: "haTask-1-vim.VirtualMachine.powerOn-1" };

test("every power state × method", () => {
  const table = powerStates.map((powerState) => [
    powerState,
    disabledMethods({ powerState, activeTask: undefined, accessible: true, hasQuestion: false }),
  ]);
  expect(Object.fromEntries(table)).toMatchInlineSnapshot(`
    {
      "poweredOff": [
        "PowerOffVM_Task",
        "ResetVM_Task",
        "SuspendVM_Task",
        "ShutdownGuest",
        "RebootGuest",
        "StandbyGuest",
        "SendNMI",
        "TerminateVM",
        "AcquireTicket",
        "PutUsbScanCodes",
        "CreateScreenshot_Task",
        "MountToolsInstaller",
        "UnmountToolsInstaller",
        "UpgradeTools_Task",
        "ExtractOvfEnvironment",
      ],
      "poweredOn": [
        "PowerOnVM_Task",
        "UpgradeVM_Task",
        "ExportVm",
        "UnregisterVM",
        "Destroy_Task",
        "ResetGuestInformation",
        "DefragmentAllDisks",
        "reloadVirtualMachineFromPath_Task",
      ],
      "suspended": [
        "ResetVM_Task",
        "SuspendVM_Task",
        "ShutdownGuest",
        "RebootGuest",
        "StandbyGuest",
        "SendNMI",
        "TerminateVM",
        "ReconfigVM_Task",
        "UpgradeVM_Task",
        "ExportVm",
        "CreateSnapshot_Task",
        "CreateSnapshotEx_Task",
        "RemoveAllSnapshots_Task",
        "ConsolidateVMDisks_Task",
        "AcquireTicket",
        "PutUsbScanCodes",
        "CreateScreenshot_Task",
        "MountToolsInstaller",
        "UnmountToolsInstaller",
        "UpgradeTools_Task",
        "ExtractOvfEnvironment",
        "ResetGuestInformation",
        "DefragmentAllDisks",
        "reloadVirtualMachineFromPath_Task",
      ],
    }
  `);
});

test("a second power-on names the state asked for and the state it is in", () => {
  const refusal = refuseInState("PowerOnVM_Task", { powerState: "poweredOn", activeTask: undefined, accessible: true, hasQuestion: false });
  expect(refusal).toMatchObject({ fault: "InvalidPowerState", fields: { requestedState: "poweredOn", existingState: "poweredOn" } });
});

test("while a task works on a VM, the next request names that task", () => {
  const refusal = refuseInState("Destroy_Task", { powerState: "poweredOff", activeTask: task, accessible: true, hasQuestion: false });
  expect(refusal).toMatchObject({ fault: "TaskInProgress", fields: { task } });
});

test("while a task works on a VM, its console and keyboard are there for whoever must see what goes on", () => {
  const busy = { powerState: "poweredOn", activeTask: task, accessible: true, hasQuestion: false } as const;
  for (const method of ["AcquireTicket", "PutUsbScanCodes"]) expect(refuseInState(method, busy)).toBeUndefined();
  expect(refuseInState("CreateScreenshot_Task", busy)).toMatchObject({ fault: "TaskInProgress" });
});

test("a VM that waits for an answer can be powered off, and nothing that needs its guest", () => {
  const vm = { powerState: "poweredOn", activeTask: undefined, accessible: true, hasQuestion: true } as const;
  for (const method of ["ResetVM_Task", "SuspendVM_Task", "ShutdownGuest"])
    expect(refuseInState(method, vm)).toMatchObject({ fault: "InvalidState" });
  expect(refuseInState("PowerOffVM_Task", vm)).toBeUndefined();
});

test("a VM whose .vmx is gone can only be unregistered", () => {
  const vm = { powerState: "poweredOff", activeTask: undefined, accessible: false, hasQuestion: false } as const;
  expect(refuseInState("PowerOnVM_Task", vm)).toMatchObject({ fault: "InvalidState" });
  expect(refuseInState("UnregisterVM", vm)).toBeUndefined();
});

test("a method outside the table is legal in every state", () => {
  expect(refuseInState("toString", { powerState: "poweredOff", activeTask: task, accessible: true, hasQuestion: false })).toBeUndefined();
});
