function (doc, req) {
  return !doc._deleted && doc._id.indexOf("_design/") !== 0;
}
