// SPDX-License-Identifier: Apache-2.0
package org.apache.openwhisk.core.loadBalancer.swift

import org.apache.openwhisk.common.{InvokerHealth, Logging, LoggingMarkers, MetricEmitter, TransactionId}
import org.apache.openwhisk.core.WhiskConfig
import org.apache.openwhisk.core.connector.{ActivationMessage, MessagingProvider}
import org.apache.openwhisk.core.controller.RejectRequest
import org.apache.openwhisk.core.entity._
import org.apache.openwhisk.core.loadBalancer._
import org.apache.openwhisk.core.loadBalancer.swift.Library.{ActorSystem, ServiceUnavailable}
import org.apache.openwhisk.http.ErrorResponse
import org.apache.openwhisk.spi.SpiLoader
import spray.json.JsBoolean

import scala.concurrent.Future

/**
 * The sharding balancer for fleets in which only some invokers have RDMA.
 *
 * Actions that need none are left to the sharding balancer, which may send them to any invoker. Actions that need it
 * (see [[Placement]]) use the same books, the same walk and the same overload rule, over invokers with RDMA only.
 *
 * In this package, and not in one of our own, since [[RejectRequest]] is visible within `core` only. It is the one
 * failure whose words the controller passes on to the caller: those of a `LoadBalancerException` it drops.
 */
class SwiftBalancer(
  config: WhiskConfig,
  controllerInstance: ControllerInstanceId,
  feedFactory: FeedFactory,
  invokerPoolFactory: InvokerPoolFactory,
  messagingProvider: MessagingProvider = SpiLoader.get[MessagingProvider])(implicit actorSystem: ActorSystem,
                                                                           logging: Logging)
    extends ShardingContainerPoolBalancer(
      config,
      controllerInstance,
      feedFactory,
      invokerPoolFactory,
      messagingProvider) {

  private val fractions = Fractions(lbConfig.managedFraction, lbConfig.blackboxFraction)

  override def publish(action: ExecutableWhiskActionMetaData, msg: ActivationMessage)(
    implicit transid: TransactionId): Future[Future[Either[ActivationId, WhiskActivation]]] =
    if (SwiftBalancer.needsRdma(action)) publishOverRdma(action, msg) else super.publish(action, msg)

  private def publishOverRdma(action: ExecutableWhiskActionMetaData, msg: ActivationMessage)(
    implicit transid: TransactionId): Future[Future[Either[ActivationId, WhiskActivation]]] = {
    // one look at the fleet: it can change between two
    val fleet = schedulingState.invokers
    val hash =
      ShardingContainerPoolBalancer.generateHash(msg.user.namespace.name, action.fullyQualifiedName(false))
    val chosen = Placement
      .search(fleet.map(SwiftBalancer.candidate), action.exec.pull, hash, fractions)
      .flatMap(take(_, fleet, action).toRight(Refusal("All invokers with RDMA have just gone.")))
    chosen match {
      case Right((invoker, overloaded)) =>
        if (overloaded) MetricEmitter.emitCounterMetric(overloadOf(action))
        logging.info(
          this,
          s"placed ${msg.activationId} of '${msg.action.asString}', which needs RDMA, at $invoker" +
            (if (overloaded) ": no RDMA invoker has room" else ""))
        val result = setupActivation(msg, action, invoker)
        sendActivationToInvoker(messageProducer, msg, invoker).map(_ => result)
      case Left(Refusal(reason)) =>
        logging.error(this, s"no invoker for ${msg.activationId} of '${msg.action.asString}': $reason")
        Future.failed(new RdmaUnavailable(reason))
    }
  }

  /** Walk the pool as the sharding balancer does, which also keeps the books of who has room. */
  private def take(search: Search, fleet: IndexedSeq[InvokerHealth], action: ExecutableWhiskActionMetaData)(
    implicit transid: TransactionId): Option[(InvokerInstanceId, Boolean)] =
    ShardingContainerPoolBalancer.schedule(
      action.limits.concurrency.maxConcurrent,
      action.fullyQualifiedName(true),
      search.pool.map(candidate => fleet(candidate.instance)),
      schedulingState.invokerSlots,
      action.limits.memory.megabytes,
      search.home,
      search.step)

  private def overloadOf(action: ExecutableWhiskActionMetaData) =
    if (action.exec.pull) LoggingMarkers.BLACKBOX_SYSTEM_OVERLOAD else LoggingMarkers.MANAGED_SYSTEM_OVERLOAD
}

/** Answered with 503 and these words; logs get them too. */
final class RdmaUnavailable(reason: String)(implicit transid: TransactionId)
    extends RejectRequest(ServiceUnavailable, Some(ErrorResponse(reason, transid))) {
  override def getMessage: String = reason
}

/** The provider: `CONFIG_whisk_spi_LoadBalancerProvider` names this object. */
object SwiftBalancer extends LoadBalancerProvider {

  override def requiredProperties: Map[String, String] = ShardingContainerPoolBalancer.requiredProperties

  override def instance(whiskConfig: WhiskConfig, instance: ControllerInstanceId)(implicit actorSystem: ActorSystem,
                                                                                  logging: Logging): LoadBalancer =
    new SwiftBalancer(
      whiskConfig,
      instance,
      createFeedFactory(whiskConfig, instance),
      new TaggedInvokerPoolFactory(whiskConfig, instance))

  private[swift] def needsRdma(action: ExecutableWhiskActionMetaData): Boolean =
    Placement.needsRdma(action.exec.kind, action.annotations.get(Placement.Tag).collect { case JsBoolean(b) => b })

  /** The place in the list of invokers is the invoker's number: OpenWhisk fills gaps with offline ones. */
  private[swift] def candidate(invoker: InvokerHealth): Candidate =
    Candidate(invoker.id.toInt, invoker.status.isUsable, invoker.status.asString, invoker.id.tags.toSet)
}
