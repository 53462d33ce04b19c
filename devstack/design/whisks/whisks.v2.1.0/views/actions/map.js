// Actions by namespace; one in a package is listed under the package and under its namespace.
function (doc) {
  if (doc.exec === undefined) return;
  var summary = {
    namespace: doc.namespace, name: doc.name, version: doc.version, publish: doc.publish,
    annotations: doc.annotations, limits: doc.limits, exec: {binary: doc.exec.binary || false},
    updated: doc.updated
  };
  var root = doc.namespace.split("/")[0];
  emit([doc.namespace, doc.updated], summary);
  if (root !== doc.namespace) emit([root, doc.updated], summary);
}
