// Packages for everybody; a binding to another package is not one.
function (doc) {
  if (!doc.binding || !doc.publish || Object.keys(doc.binding).length > 0) return;
  emit([doc.namespace, doc.updated], {
    namespace: doc.namespace, name: doc.name, version: doc.version, publish: doc.publish,
    annotations: doc.annotations, updated: doc.updated, binding: false
  });
}
