// SPDX-License-Identifier: Apache-2.0
package org.apache.openwhisk.core.loadBalancer.swift

import akka.actor
import com.typesafe.config.Config

/** Actor systems for tests, and what actors of tests are. */
private[swift] object Systems {
  type Actor = actor.Actor
  def make(name: String, config: Config): Library.ActorSystem = actor.ActorSystem(name, config)
}
