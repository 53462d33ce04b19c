// SPDX-License-Identifier: Apache-2.0
package org.apache.openwhisk.core.loadBalancer.swift

/** An invoker as its pings tell of it; `usable` when work may be sent there, else `state` says why not. */
final case class Candidate(instance: Int, usable: Boolean, state: String, tags: Set[String])

/** Which shares of a fleet serve managed and blackbox actions: the settings of the sharding balancer. */
final case class Fractions(managed: Double, blackbox: Double)

/** Where to look for an invoker: at `home` of `pool` first, then `step` further, and so on. */
final case class Search(pool: IndexedSeq[Candidate], home: Int, step: Int) {

  /** The pool in the order in which it is asked, each invoker once. */
  def order: IndexedSeq[Candidate] =
    pool.indices.map(done => pool(((home + done.toLong * step) % pool.size).toInt))
}

/** Why there is no invoker, in words for the caller of the action. */
final case class Refusal(reason: String)

/**
 * Which invokers an action may go to. Pure: knows nothing of OpenWhisk, so that it can be tested without it.
 *
 * An action that needs RDMA goes to invokers whose pings carry the tag `rdma`, and to these in the way in which the
 * sharding balancer spreads actions over all: the pool is split by the same fractions, the same hash gives the same
 * home and step for a pool of the same size.
 */
object Placement {
  val Tag = "rdma"
  val KindEnding = "-rdma"

  /** True for kinds that end in `-rdma`, and for what is annotated `rdma: true`. */
  def needsRdma(kind: String, annotated: Option[Boolean]): Boolean =
    kind.endsWith(KindEnding) || annotated.contains(true)

  /** The search among the invokers with RDMA of `fleet`; `hash` is of namespace and action, and not negative. */
  def search(fleet: IndexedSeq[Candidate],
             blackbox: Boolean,
             hash: Int,
             fractions: Fractions): Either[Refusal, Search] = {
    val able = fleet.filter(_.tags.contains(Tag))
    if (able.isEmpty) {
      Left(Refusal(s"This action needs RDMA, and no invoker announces it (tag '$Tag')."))
    } else {
      val pool = share(able, blackbox, fractions)
      if (pool.exists(_.usable)) Right(over(pool, hash))
      else Left(Refusal(s"This action needs RDMA, and no invoker that has it is healthy: ${states(pool)}."))
    }
  }

  /** The sharding balancer's split: managed actions use the head of the list, blackbox actions its tail. */
  def share(fleet: IndexedSeq[Candidate], blackbox: Boolean, fractions: Fractions): IndexedSeq[Candidate] = {
    val managed = within(0.0, fractions.managed)
    if (blackbox) fleet.takeRight(atLeastOne(math.floor(fleet.size * within(1.0 - managed, fractions.blackbox))))
    else fleet.take(atLeastOne(math.ceil(fleet.size * managed)))
  }

  /** Home and step for a pool that is not empty. */
  def over(pool: IndexedSeq[Candidate], hash: Int): Search = {
    val steps = stepSizes(pool.size)
    Search(pool, hash % pool.size, steps(hash % steps.size))
  }

  /** Numbers up to `size` that share no factor with it nor with each other: with each, a walk meets all. */
  def stepSizes(size: Int): IndexedSeq[Int] =
    (1 to size).foldLeft(IndexedSeq.empty[Int]) { (found, next) =>
      if ((found :+ size).forall(coprime(_, next))) found :+ next else found
    }

  private def coprime(one: Int, other: Int): Boolean = BigInt(one).gcd(other) == BigInt(1)

  private def within(least: Double, value: Double): Double = math.max(least, math.min(1.0, value))

  private def atLeastOne(value: Double): Int = math.max(1, value.toInt)

  private def states(pool: IndexedSeq[Candidate]): String =
    pool.groupBy(_.state).toSeq.sortBy(_._1).map { case (state, those) => s"${those.size} $state" }.mkString(", ")
}
