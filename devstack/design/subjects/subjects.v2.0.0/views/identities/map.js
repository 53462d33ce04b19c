// Who has this namespace, and whose uuid and key these are; the value links to the limits document.
function (doc) {
  if (!doc.namespaces || doc.blocked) return;
  doc.namespaces.forEach(function (space) {
    var identity = {_id: space.name + "/limits", namespace: space.name, uuid: space.uuid, key: space.key};
    emit([space.name], identity);
    emit([space.uuid, space.key], identity);
  });
}
