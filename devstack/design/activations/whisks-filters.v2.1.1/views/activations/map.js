// The same by namespace/action (namespace/package/action), as `wsk activation list ACTION` asks.
function (doc) {
  if (doc.activationId === undefined) return;
  function annotation(key) {
    var found = (doc.annotations || []).filter(function (item) { return item.key === key; })[0];
    return found ? found.value : undefined;
  }
  var binding = annotation("binding");
  var path = String(annotation("path") || "").split("/");
  // A bound package counts, not the one it is bound to.
  var pack = binding ? String(binding).split("/")[1] : path.length === 3 ? path[1] : undefined;
  var action = pack === undefined ? doc.name : pack + "/" + doc.name;
  var ended = doc.end !== 0 && doc.end !== undefined;
  emit([doc.namespace + "/" + action, doc.start], {
    namespace: doc.namespace, name: doc.name, version: doc.version, publish: doc.publish,
    annotations: doc.annotations, activationId: doc.activationId, start: doc.start,
    end: ended ? doc.end : undefined,
    duration: ended ? doc.end - doc.start : undefined,
    cause: doc.cause,
    statusCode: ended && doc.response !== undefined ? doc.response.statusCode : undefined
  });
}
