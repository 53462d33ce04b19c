// SPDX-License-Identifier: Apache-2.0
package org.apache.openwhisk.core.loadBalancer.swift

import org.apache.openwhisk.common.Logging
import org.apache.openwhisk.core.WhiskConfig
import org.apache.openwhisk.core.connector._
import org.apache.openwhisk.core.controller.Controller
import org.apache.openwhisk.core.entity.{ControllerInstanceId, InvokerInstanceId, WhiskEntityStore}
import org.apache.openwhisk.core.loadBalancer._
import org.apache.openwhisk.core.loadBalancer.swift.Library.{ActorRef, ActorRefFactory, ActorSystem, Props}

import scala.concurrent.Future

/**
 * OpenWhisk's supervision of invokers, which also tells the balancer when an invoker's tags have changed.
 *
 * The stock one keeps the tags of the latest ping but passes the list on only when some invoker's health changes: a
 * host that was given another invoker within ten seconds would keep its old tags for the balancer.
 */
class TaggedInvokerPool(children: (ActorRefFactory, InvokerInstanceId) => ActorRef,
                        send: (ActivationMessage, InvokerInstanceId) => Future[ResultMetadata],
                        pings: MessageConsumer,
                        monitor: Option[ActorRef])
    extends InvokerPool(children, send, pings, monitor) {

  private val stock: Receive = super.receive

  private val tagged: Receive = {
    case ping: PingMessage =>
      val before = status.lift(ping.instance.toInt).map(_.id.tags)
      stock(ping)
      if (before.exists(_ != ping.instance.tags)) monitor.foreach(_ ! CurrentInvokerPoolState(status))
  }

  override def receive: Receive = tagged.orElse(stock)
}

/** Makes the pool for a controller: its consumer of pings, and the test action that supervision sends. */
class TaggedInvokerPoolFactory(config: WhiskConfig, controller: ControllerInstanceId)(implicit actorSystem: ActorSystem,
                                                                                      logging: Logging)
    extends InvokerPoolFactory {

  private val pingsAtOnce = 128

  override def createInvokerPool(
    actorRefFactory: ActorRefFactory,
    messagingProvider: MessagingProvider,
    messagingProducer: MessageProducer,
    sendActivationToInvoker: (MessageProducer, ActivationMessage, InvokerInstanceId) => Future[ResultMetadata],
    monitor: Option[ActorRef]): ActorRef = {
    InvokerPool.prepare(controller, WhiskEntityStore.datastore())
    val topic = s"${Controller.topicPrefix}health"
    // a group of its own: every controller sees every ping
    val group = s"$topic${controller.asString}"
    val pings = messagingProvider.getConsumer(config, group, topic, maxPeek = pingsAtOnce)
    actorRefFactory.actorOf(Props(new TaggedInvokerPool(
      (factory, invoker) => factory.actorOf(InvokerActor.props(invoker, controller)),
      sendActivationToInvoker(messagingProducer, _, _),
      pings,
      monitor)))
  }
}
