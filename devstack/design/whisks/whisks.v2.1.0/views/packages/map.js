function (doc) {
  if (doc.binding === undefined) return;
  var bound = Object.keys(doc.binding).length > 0;
  emit([doc.namespace, doc.updated], {
    namespace: doc.namespace, name: doc.name, version: doc.version, publish: doc.publish,
    annotations: doc.annotations, updated: doc.updated, binding: bound ? doc.binding : false
  });
}
