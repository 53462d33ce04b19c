// Activations by namespace and start, summarised (no result, no logs).
function (doc) {
  if (doc.activationId === undefined) return;
  var ended = doc.end !== 0 && doc.end !== undefined;
  emit([doc.namespace, doc.start], {
    namespace: doc.namespace, name: doc.name, version: doc.version, publish: doc.publish,
    annotations: doc.annotations, activationId: doc.activationId, start: doc.start,
    end: ended ? doc.end : undefined,
    duration: ended ? doc.end - doc.start : undefined,
    cause: doc.cause,
    statusCode: ended && doc.response !== undefined ? doc.response.statusCode : undefined
  });
}
