// Namespaces that may run nothing: their limits say zero, or their subject is blocked.
function (doc) {
  var suffix = "/limits";
  if (doc._id.indexOf(suffix) >= 0) {
    if (doc.concurrentInvocations === 0 || doc.invocationsPerMinute === 0) {
      emit(doc._id.replace(suffix, ""), 1);
    }
  } else if (doc.subject && doc.namespaces && doc.blocked) {
    doc.namespaces.forEach(function (space) { emit(space.name, 1); });
  }
}
