// SPDX-License-Identifier: Apache-2.0
package org.apache.openwhisk.core.loadBalancer.swift

import java.time.Instant
import java.util.concurrent.ConcurrentLinkedQueue

import com.typesafe.config.ConfigFactory
import org.apache.openwhisk.common._
import org.apache.openwhisk.connector.lean.LeanMessagingProvider
import org.apache.openwhisk.core.WhiskConfig
import org.apache.openwhisk.core.connector._
import org.apache.openwhisk.core.controller.RejectRequest
import org.apache.openwhisk.core.entity.ExecManifest.{ImageName, RuntimeManifest}
import org.apache.openwhisk.core.entity._
import org.apache.openwhisk.core.entity.size._
import org.apache.openwhisk.core.loadBalancer.LoadBalancerProvider
import org.apache.openwhisk.spi.SpiLoader
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

import scala.collection.JavaConverters._
import scala.concurrent.duration._
import scala.concurrent.Await
import scala.util.{Failure, Try}

/**
 * The balancer as a controller makes it: found by the name in the configuration, with OpenWhisk's supervision of
 * invokers. Messages and entities are kept by OpenWhisk's own providers in memory; two threads are the invokers.
 */
class WholeBalancerSuite extends AnyFunSuite with BeforeAndAfterAll {
  Map(
    "LoadBalancerProvider" -> "org.apache.openwhisk.core.loadBalancer.swift.SwiftBalancer",
    "MessagingProvider" -> "org.apache.openwhisk.connector.lean.LeanMessagingProvider",
    "ArtifactStoreProvider" -> "org.apache.openwhisk.core.database.memory.MemoryArtifactStoreProvider").foreach {
    case (spi, name) => System.setProperty(s"whisk.spi.$spi", name)
  }
  Seq("akka", "pekko").foreach(library => System.setProperty(s"$library.actor.provider", "local"))
  ConfigFactory.invalidateCaches()

  private implicit val logging: Logging = new PrintStreamLogging(new java.io.PrintStream(_ => ()))
  private implicit val transid: TransactionId = TransactionId.testing
  private implicit val actorSystem: Library.ActorSystem = Systems.make("whole", ConfigFactory.load())
  private val config = new WhiskConfig(Map.empty[String, String])
  private val controller = ControllerInstanceId("0")
  private val patience = 60.seconds
  private val user = {
    val uuid = UUID()
    Identity(Subject("somebody"), Namespace(EntityName("ns"), uuid), BasicAuthenticationAuthKey(uuid, Secret()))
  }
  private val manifest =
    """{"runtimes": {"nodejs": [{"kind": "nodejs:20", "default": true, "image": {"name": "nodejs"}}]}, "blackboxes": []}"""

  /** Pings, and answers what it is sent at once with success. */
  private class Invoker(number: Int, @volatile var tags: Seq[String]) extends Thread {
    val ran = new ConcurrentLinkedQueue[String]()
    @volatile private var running = true
    private val producer = LeanMessagingProvider.getProducer(config)
    private val consumer = LeanMessagingProvider.getConsumer(config, "any", s"invoker$number", 1, 1.second)
    setDaemon(true)

    def id: InvokerInstanceId = InvokerInstanceId(number, userMemory = 1024.MB, tags = tags)

    override def run(): Unit = while (running) {
      producer.send("health", PingMessage(id))
      consumer.peek(200.millis, 0).foreach { case (_, _, _, bytes) => answer(new String(bytes, "UTF-8")) }
    }

    private def answer(raw: String): Unit = {
      val message = ActivationMessage.parse(raw).get
      val now = Instant.now
      val activation = WhiskActivation(
        message.user.namespace.name.toPath,
        message.action.name,
        message.user.subject,
        message.activationId,
        now,
        now)
      if (message.user.namespace.name == user.namespace.name) ran.add(message.action.name.asString)
      producer.send("completed0", CombinedCompletionAndResultMessage(message.transid, activation, id))
    }

    def end(): Unit = { running = false; join() }
  }

  private val invokers = IndexedSeq(new Invoker(0, Seq("gpu")), new Invoker(1, Seq("gpu", "rdma")))
  private lazy val balancer = {
    ExecManifest.initialize(config, Some(manifest)).get
    SpiLoader.get[LoadBalancerProvider].instance(config, controller)
  }

  override def afterAll(): Unit = {
    invokers.foreach(_.end())
    Await.result(actorSystem.terminate(), patience)
  }

  private def eventually(what: => Boolean): Boolean = {
    val deadline = patience.fromNow
    while (!what && deadline.hasTimeLeft) Thread.sleep(20)
    what
  }

  /** As the balancer sees them. */
  private def fleet: Seq[(Boolean, Seq[String])] =
    Await.result(balancer.invokerHealth(), patience).map(invoker => (invoker.status.isUsable, invoker.id.tags))

  private def retag(tags: Seq[String]*): Unit = {
    invokers.zip(tags).foreach { case (invoker, its) => invoker.tags = its }
    assert(eventually(fleet == tags.map((true, _))), s"the balancer sees $fleet")
  }

  private def run(name: String, kind: String): Try[Either[ActivationId, WhiskActivation]] = {
    val action = ExecutableWhiskActionMetaData(
      EntityPath("ns"),
      EntityName(name),
      CodeExecMetaDataAsString(RuntimeManifest(kind, ImageName("image")), entryPoint = None))
    val message = ActivationMessage(
      transid,
      action.fullyQualifiedName(true),
      DocRevision.empty,
      user,
      ActivationId.generate(),
      controller,
      blocking = true,
      content = None)
    Try(Await.result(balancer.publish(action, message), patience)).flatMap(done => Try(Await.result(done, patience)))
  }

  private def ranAt(number: Int, names: Seq[String]): Seq[String] =
    invokers(number).ran.asScala.toSeq.filter(names.contains)

  private def allAt(number: Int, prefix: String): Unit = {
    val names = (0 until 12).map(n => s"$prefix$n")
    names.foreach(name => assert(run(name, "python:3-rdma").get.exists(_.response.isSuccess)))
    assert(ranAt(number, names) == names)
    assert(ranAt(1 - number, names).isEmpty)
  }

  test("the configured name gives our balancer") {
    assert(SpiLoader.get[LoadBalancerProvider] eq SwiftBalancer)
    assert(balancer.isInstanceOf[SwiftBalancer])
  }

  test("invokers become healthy by pings and the test action") {
    invokers.foreach(_.start())
    assert(eventually(fleet == Seq((true, Seq("gpu")), (true, Seq("gpu", "rdma")))), s"the balancer sees $fleet")
  }

  test("what needs RDMA runs where it is, and its result comes back") {
    allAt(1, "first")
  }

  test("tags that pings change are followed") {
    retag(Seq("rdma"), Nil)
    allAt(0, "second")
  }

  test("nothing is kept of what has ended") {
    assert(eventually(Await.result(balancer.totalActiveActivations, patience) == 0))
  }

  test("without the tag anywhere: 503, and other kinds go on") {
    retag(Nil, Seq("gpu"))
    run("third", "python:3-rdma") match {
      case Failure(RejectRequest(code, Some(response))) =>
        assert((code.intValue, response.error) == ((503, "This action needs RDMA, and no invoker announces it (tag 'rdma').")))
      case other => fail(s"not refused: $other")
    }
    assert(run("fourth", "nodejs:20").get.exists(_.response.isSuccess))
  }
}
