// A trigger is what has parameters but neither code nor a binding.
function (doc) {
  if (doc.exec !== undefined || doc.binding !== undefined || doc.parameters === undefined) return;
  var root = doc.namespace.split("/")[0];
  var summary = {
    namespace: doc.namespace, name: doc.name, version: doc.version, publish: doc.publish,
    annotations: doc.annotations, updated: doc.updated
  };
  emit([doc.namespace, doc.updated], summary);
  if (root !== doc.namespace) emit([root, doc.updated], summary);
}
