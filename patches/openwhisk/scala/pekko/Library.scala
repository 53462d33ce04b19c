// SPDX-License-Identifier: Apache-2.0
package org.apache.openwhisk.core.loadBalancer.swift

import org.apache.pekko.actor
import org.apache.pekko.http.scaladsl.model

/** The actor library of OpenWhisk after 2.0.0: Pekko. */
private[swift] object Library {
  type ActorRef = actor.ActorRef
  type ActorRefFactory = actor.ActorRefFactory
  type ActorSystem = actor.ActorSystem
  val Props: actor.Props.type = actor.Props
  val ServiceUnavailable: model.StatusCode = model.StatusCodes.ServiceUnavailable
}
