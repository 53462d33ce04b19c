// SPDX-License-Identifier: Apache-2.0
package org.apache.openwhisk.core.entity

import org.apache.openwhisk.core.entity.ExecManifest.RuntimeManifest
import spray.json.RootJsonFormat

/** How OpenWhisk reads a kind of the manifest: visible in its own package only. */
private[core] object ManifestAccess {
  def serdes: RootJsonFormat[RuntimeManifest] = ExecManifest.runtimeManifestSerdes
}
