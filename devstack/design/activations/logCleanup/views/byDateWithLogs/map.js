// Records with logs, for their removal; a sequence's "logs" are the ids of its activations.
function (doc) {
  if (doc.activationId === undefined || !doc.logs || doc.logs.length === 0) return;
  var kinds = (doc.annotations || []).filter(function (item) { return item.key === "kind"; });
  if (kinds.length === 0 || kinds[0].value !== "sequence") emit(doc.start, doc._id);
}
