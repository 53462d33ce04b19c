// SPDX-License-Identifier: Apache-2.0
package org.apache.openwhisk.core.loadBalancer.swift

import java.util.concurrent.{ConcurrentLinkedQueue, TimeUnit}

import com.typesafe.config.ConfigFactory
import org.apache.openwhisk.common._
import org.apache.openwhisk.core.WhiskConfig
import org.apache.openwhisk.core.connector._
import org.apache.openwhisk.core.controller.RejectRequest
import org.apache.openwhisk.core.entity.ExecManifest.{ImageName, RuntimeManifest}
import org.apache.openwhisk.core.entity._
import org.apache.openwhisk.core.entity.size._
import org.apache.openwhisk.core.loadBalancer._
import org.apache.openwhisk.core.loadBalancer.swift.Library._
import org.apache.openwhisk.core.loadBalancer.swift.Systems.Actor
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite
import spray.json._

import scala.collection.JavaConverters._
import scala.concurrent.duration._
import scala.concurrent.{Await, Future}
import scala.util.{Failure, Random, Success, Try}

/** Our balancer beside OpenWhisk's own, both whole but for Kafka and the supervision of invokers. */
class SwiftBalancerSuite extends AnyFunSuite with BeforeAndAfterAll {
  private implicit val logging: Logging = new PrintStreamLogging(new java.io.PrintStream(_ => ()))
  private implicit val transid: TransactionId = TransactionId.testing
  private val local = Seq("akka", "pekko").map(_ + ".actor.provider = local").mkString("\n")
  private implicit val actorSystem: ActorSystem =
    Systems.make("balancers", ConfigFactory.parseString(local).withFallback(ConfigFactory.load()))
  private val chance = new Random(11)
  private val controller = ControllerInstanceId("0")
  private val user = {
    val uuid = UUID()
    Identity(Subject("somebody"), Namespace(EntityName("ns"), uuid), BasicAuthenticationAuthKey(uuid, Secret()))
  }

  override def afterAll(): Unit = Await.result(actorSystem.terminate(), 30.seconds)

  private class Ignores extends Actor {
    override def receive: Receive = { case _ => }
  }

  private class Remembers(seen: ConcurrentLinkedQueue[Any]) extends Actor {
    override def receive: Receive = { case message => seen.add(message) }
  }

  private class Sent extends MessagingProvider with MessageProducer {
    val topics = new ConcurrentLinkedQueue[String]()
    override def getConsumer(config: WhiskConfig, group: String, topic: String, peek: Int, interval: FiniteDuration)(
      implicit logging: Logging,
      actorSystem: ActorSystem): MessageConsumer = Nothing
    override def getProducer(config: WhiskConfig, size: Option[ByteSize])(implicit logging: Logging,
                                                                          actorSystem: ActorSystem): MessageProducer =
      this
    override def ensureTopic(config: WhiskConfig, topic: String, topicConfig: String, size: Option[ByteSize])(
      implicit logging: Logging): Try[Unit] = Success(())
    override def sentCount(): Long = topics.size.toLong
    override def send(topic: String, message: Message, retry: Int): Future[ResultMetadata] = {
      topics.add(topic)
      Future.successful(ResultMetadata(topic, 0, 0))
    }
    override def close(): Unit = ()
  }

  private object Nothing extends MessageConsumer {
    override val maxPeek: Int = 1
    override def peek(duration: FiniteDuration, retry: Int): Iterable[(String, Int, Long, Array[Byte])] = Nil
    override def commit(retry: Int): Unit = ()
    override def close(): Unit = ()
  }

  private val feeds = new FeedFactory {
    override def createFeed(f: ActorRefFactory, m: MessagingProvider, p: Array[Byte] => Future[Unit]): ActorRef =
      f.actorOf(Props(new Ignores))
  }
  private val pools = new InvokerPoolFactory {
    override def createInvokerPool(
      factory: ActorRefFactory,
      provider: MessagingProvider,
      producer: MessageProducer,
      send: (MessageProducer, ActivationMessage, InvokerInstanceId) => Future[ResultMetadata],
      monitor: Option[ActorRef]): ActorRef = factory.actorOf(Props(new Ignores))
  }

  /** A balancer over `fleet`; `place` tells the topics that its messages went to. */
  private class Tried(fleet: IndexedSeq[InvokerHealth], ours: Boolean) {
    private val sent = new Sent
    private val config = new WhiskConfig(Map.empty[String, String])
    val balancer: ShardingContainerPoolBalancer =
      if (ours) new SwiftBalancer(config, controller, feeds, pools, sent)
      else new ShardingContainerPoolBalancer(config, controller, feeds, pools, sent)
    balancer.schedulingState.updateInvokers(fleet)

    def publish(action: ExecutableWhiskActionMetaData): Try[Unit] =
      Await.ready(balancer.publish(action, message(action)), 30.seconds).value.get.map(_ => ())

    /** False where nobody usable of the pool has room, so that chance decides. */
    def decides(blackbox: Boolean, memory: Int): Boolean = {
      val state = balancer.schedulingState
      val usable = (if (blackbox) state.blackboxInvokers else state.managedInvokers).filter(_.status.isUsable)
      usable.isEmpty || usable.exists(invoker => state.invokerSlots(invoker.id.toInt).availablePermits >= memory)
    }

    def place(action: ExecutableWhiskActionMetaData): Option[String] = {
      val before = sent.topics.size
      publish(action) match {
        case Success(_) => sent.topics.asScala.drop(before).headOption
        case Failure(_) => None
      }
    }
  }

  private def message(action: ExecutableWhiskActionMetaData): ActivationMessage =
    ActivationMessage(
      transid,
      action.fullyQualifiedName(true),
      DocRevision.empty,
      user,
      ActivationId.generate(),
      controller,
      blocking = false,
      content = None)

  private def action(name: String,
                     kind: String,
                     memory: Int = 256,
                     annotations: Parameters = Parameters()): ExecutableWhiskActionMetaData = {
    val exec =
      if (kind == "blackbox") BlackBoxExecMetaData(ImageName("image"), None, native = false)
      else CodeExecMetaDataAsString(RuntimeManifest(kind, ImageName("image")), entryPoint = None)
    ExecutableWhiskActionMetaData(
      EntityPath("ns"),
      EntityName(name),
      exec,
      limits = ActionLimits(memory = MemoryLimit(memory.MB)),
      annotations = annotations)
  }

  private def health(number: Int, state: InvokerState, memory: Int, tags: String*): InvokerHealth =
    InvokerHealth(InvokerInstanceId(number, userMemory = memory.MB, tags = tags), state)

  private val states = IndexedSeq(
    InvokerState.Healthy,
    InvokerState.Healthy,
    InvokerState.Healthy,
    InvokerState.Unhealthy,
    InvokerState.Unresponsive,
    InvokerState.Offline)

  private def fleet(tags: => Seq[String]): IndexedSeq[InvokerHealth] =
    (0 until 1 + chance.nextInt(12)).map(number =>
      health(number, states(chance.nextInt(states.size)), 256 * (1 + chance.nextInt(6)), tags: _*))

  private def names = Iterator.continually(s"action${chance.nextInt(6)}")

  /**
   * What both balancers choose for drawn actions, until the pool is full: then each takes any invoker. `needing` is
   * the action that ours is asked for instead.
   */
  private def compare(drawn: IndexedSeq[InvokerHealth])(needing: (String, String, Int) => ExecutableWhiskActionMetaData) = {
    val ours = new Tried(drawn, true)
    val stock = new Tried(drawn, false)
    val asked = names.take(30).map(name => (name, kinds(chance.nextInt(kinds.size)), 128 * (1 + chance.nextInt(2))))
    asked.takeWhile { case (_, kind, memory) => stock.decides(kind == "blackbox", memory) }.map {
      case (name, kind, memory) =>
        val (one, other) = (ours.place(needing(name, kind, memory)), stock.place(action(name, kind, memory)))
        assert(one == other, s"$name $kind $memory in $drawn")
    }.size
  }
  private val kinds = IndexedSeq("python:3", "blackbox")

  test("actions that need no RDMA go where the sharding balancer sends them") {
    val compared = (1 to 150).map { _ =>
      compare(fleet(Seq("rdma").filter(_ => chance.nextBoolean()))) {
        case (name, kind, memory) => action(name, kind, memory, Parameters("rdma", JsBoolean(false)))
      }
    }
    assert(compared.sum > 500)
  }

  test("where all have RDMA, actions that need it go where the sharding balancer would send them") {
    val compared = (1 to 150).map { _ =>
      compare(fleet(Seq("rdma"))) {
        case (name, "blackbox", memory) => action(name, "blackbox", memory, Parameters("rdma", JsBoolean(true)))
        case (name, kind, memory)       => action(name, s"$kind-rdma", memory)
      }
    }
    assert(compared.sum > 500)
  }

  test("in a mixed fleet only invokers with RDMA get what needs it, and each of them gets some") {
    val mixed = (0 until 8).map(number =>
      health(number, InvokerState.Healthy, 1024, (if (number % 2 == 1) Seq("rdma", "gpu") else Nil): _*))
    val tried = new Tried(mixed, ours = true)
    val topics = (0 until 60).flatMap(number => tried.place(action(s"a$number", "python:3-rdma")))
    assert(topics.size == 60, "with and without room")
    assert(topics.toSet == Set("invoker1", "invoker3", "invoker5", "invoker7"))
    def annotated(kind: String, value: Boolean) =
      (0 until 20).flatMap(n => tried.place(action(s"b$n", kind, 128, Parameters("rdma", JsBoolean(value))))).toSet
    assert(annotated("python:3", true).subsetOf(topics.toSet))
    assert(annotated("python:3-rdma", false).subsetOf(topics.toSet))
    assert(annotated("blackbox", true) == Set("invoker7"), "the tail of those with RDMA")
  }

  test("what is taken at an invoker is taken for both sorts of actions") {
    val one = new Tried(IndexedSeq(health(0, InvokerState.Healthy, 512, "rdma")), ours = true)
    one.place(action("a", "python:3-rdma"))
    one.place(action("b", "python:3"))
    assert(one.balancer.schedulingState.invokerSlots.head.availablePermits == 0)
  }

  private def refusal(fleet: IndexedSeq[InvokerHealth]): (Int, String) =
    new Tried(fleet, ours = true).publish(action("a", "python:3-rdma")) match {
      case Failure(rejected @ RejectRequest(code, Some(response))) =>
        assert(rejected.getMessage == response.error)
        (code.intValue, response.error)
      case other => fail(s"not refused: $other")
    }

  test("nobody with RDMA, or nobody of them healthy: 503 with the reason") {
    val without = (0 until 3).map(health(_, InvokerState.Healthy, 1024))
    assert(refusal(without) == ((503, "This action needs RDMA, and no invoker announces it (tag 'rdma').")))
    assert(refusal(IndexedSeq.empty)._1 == 503)
    val ill = without :+ health(3, InvokerState.Offline, 1024, "rdma") :+ health(4, InvokerState.Unhealthy, 1024, "rdma")
    assert(
      refusal(ill) ==
        ((503, "This action needs RDMA, and no invoker that has it is healthy: 1 down, 1 unhealthy.")))
  }

  test("the balancer is told of tags that change while health does not") {
    val seen = new ConcurrentLinkedQueue[Any]()
    val monitor = actorSystem.actorOf(Props(new Remembers(seen)))
    val pool = actorSystem.actorOf(
      Props(new TaggedInvokerPool(
        (factory, _) => factory.actorOf(Props(new Ignores)),
        (_, _) => Future.failed(new IllegalStateException("nothing is sent here")),
        Nothing,
        Some(monitor))))
    def ping(tags: String*): Unit =
      pool ! PingMessage(InvokerInstanceId(0, userMemory = 256.MB, tags = tags))
    def told: Seq[Seq[String]] =
      seen.asScala.toSeq.collect { case CurrentInvokerPoolState(state) => state.head.id.tags }
    ping("gpu")
    ping("gpu")
    ping("gpu", "rdma")
    ping("gpu", "rdma")
    ping()
    val deadline = System.nanoTime + TimeUnit.SECONDS.toNanos(30)
    while (told.size < 2 && System.nanoTime < deadline) Thread.onSpinWait()
    assert(told == Seq(Seq("gpu", "rdma"), Nil))
  }

  test("OpenWhisk reads a kind whose deprecated is null as one that is not") {
    val entry = """{"kind":"python:3-rdma","default":true,"image":{"prefix":"","name":"swift-runtime","tag":"patched"},
      "deprecated":null,"attached":{"attachmentName":"codefile","attachmentType":"text/plain"}}"""
    implicit val serdes: RootJsonFormat[RuntimeManifest] = ManifestAccess.serdes
    val read = entry.parseJson.convertTo[RuntimeManifest]
    assert(read.deprecated.isEmpty)
    assert(read.image.resolveImageName() == "swift-runtime:patched")
  }
}
