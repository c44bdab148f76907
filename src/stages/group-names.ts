/** The pipeline's consumer groups, one a stage; the topic prefix keeps two pipelines on one cluster apart. */
export function groupNames(topicPrefix: string): { ingest: string; logic: string; delivery: string } {
  return {
    ingest: `inorder.${topicPrefix}.ingest`,
    logic: `inorder.${topicPrefix}.logic`,
    delivery: `inorder.${topicPrefix}.delivery`,
  };
}
