// Ends what global-setup.mjs started.
export default async function stopServersOfTheRun() {
  await globalThis.inorderTestServers?.stop();
}
