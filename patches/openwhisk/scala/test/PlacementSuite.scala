// SPDX-License-Identifier: Apache-2.0
package org.apache.openwhisk.core.loadBalancer.swift

import org.scalatest.funsuite.AnyFunSuite

import scala.util.Random

/** Many fleets, drawn from a fixed seed: what fails once fails again. */
class PlacementSuite extends AnyFunSuite {
  private val chance = new Random(7)
  private val halves = Fractions(0.5, 0.5)
  private val whole = Fractions(1.0, 1.0)
  private val states = Seq("up", "down", "unhealthy", "unresponsive")

  private def invoker(number: Int, state: String, tags: String*): Candidate =
    Candidate(number, state == "up", state, tags.toSet)

  private def fleet(size: Int): IndexedSeq[Candidate] =
    (0 until size).map { number =>
      val tags = Seq("rdma", "gpu").filter(_ => chance.nextBoolean())
      invoker(number, states(chance.nextInt(states.size)), tags: _*)
    }

  private def fractions(): Fractions = Fractions(chance.nextInt(13) / 10.0, chance.nextInt(13) / 10.0)

  private def draw(times: Int)(check: (IndexedSeq[Candidate], Boolean, Int, Fractions) => Unit): Unit =
    (1 to times).foreach(_ =>
      check(fleet(chance.nextInt(30)), chance.nextBoolean(), chance.nextInt(Int.MaxValue), fractions()))

  test("kinds that end in -rdma need it, and what is annotated with true") {
    assert(Placement.needsRdma("python:3-rdma", None))
    assert(Placement.needsRdma("python:3-rdma", Some(false)), "its image is with RDMA invokers only")
    assert(Placement.needsRdma("blackbox", Some(true)))
    assert(!Placement.needsRdma("blackbox", Some(false)))
    assert(!Placement.needsRdma("python:3", None))
    assert(!Placement.needsRdma("rdma:3", None))
  }

  test("only invokers with the tag are asked, in the order of the fleet, and each once") {
    draw(2000) { (fleet, blackbox, hash, fractions) =>
      Placement.search(fleet, blackbox, hash, fractions).foreach { search =>
        val able = fleet.filter(_.tags("rdma"))
        assert(search.order.forall(able.contains))
        assert(search.order.toSet == search.pool.toSet)
        assert(search.order.size == search.pool.size)
        assert(search.order.head == search.pool(search.home))
        assert(able.containsSlice(search.pool))
        assert(search.pool.exists(_.usable))
      }
    }
  }

  test("a refusal says why, and only where no invoker of the pool may be used") {
    draw(2000) { (fleet, blackbox, hash, fractions) =>
      val able = fleet.filter(_.tags("rdma"))
      val refused = Placement.search(fleet, blackbox, hash, fractions).left.toOption.map(_.reason)
      if (able.isEmpty) assert(refused.exists(_.contains("no invoker announces it (tag 'rdma')")))
      else {
        val usable = Placement.share(able, blackbox, fractions).exists(_.usable)
        assert(refused.isEmpty == usable)
        refused.foreach(reason => assert(reason.contains("no invoker that has it is healthy")))
      }
    }
  }

  test("the refusal counts the states") {
    val fleet = IndexedSeq(
      invoker(0, "down", "rdma"),
      invoker(1, "up"),
      invoker(2, "unhealthy", "rdma"),
      invoker(3, "down", "rdma"))
    val refused = Placement.search(fleet, blackbox = false, 5, whole)
    assert(
      refused == Left(
        Refusal("This action needs RDMA, and no invoker that has it is healthy: 2 down, 1 unhealthy.")))
  }

  test("what lacks the tag changes nothing for what has it") {
    draw(1000) { (fleet, blackbox, hash, fractions) =>
      val able = fleet.filter(_.tags("rdma"))
      assert(
        Placement.search(fleet, blackbox, hash, fractions) == Placement.search(able, blackbox, hash, fractions))
    }
  }

  test("one action keeps its home while health changes") {
    draw(1000) { (fleet, blackbox, hash, fractions) =>
      val able = fleet.filter(_.tags("rdma")).map(_.copy(usable = true, state = "up"))
      if (able.size > 1) {
        val ill = able.map(one => if (chance.nextBoolean()) one.copy(usable = false, state = "down") else one)
        for {
          well <- Placement.search(able, blackbox, hash, fractions)
          less <- Placement.search(ill, blackbox, hash, fractions)
        } assert((well.home, well.step, well.pool.map(_.instance)) == ((less.home, less.step, less.pool.map(_.instance))))
      }
    }
  }

  test("homes are spread over the pool") {
    val able = (0 until 7).map(invoker(_, "up", "rdma"))
    val homes = (0 until 700).map(hash => Placement.over(able, hash).home)
    assert(homes.groupBy(identity).values.map(_.size).toSet == Set(100))
  }

  test("managed actions use the head of the list, blackbox actions the tail, and never nobody") {
    val able = (0 until 5).map(invoker(_, "up", "rdma"))
    assert(Placement.share(able, blackbox = false, halves).map(_.instance) == Seq(0, 1, 2))
    assert(Placement.share(able, blackbox = true, halves).map(_.instance) == Seq(3, 4))
    assert(Placement.share(able, blackbox = true, Fractions(0.9, 0.1)).map(_.instance) == Seq(4))
    // the blackbox share is made up to what the managed one leaves
    assert(Placement.share(able, blackbox = true, Fractions(0.4, 0.0)).map(_.instance) == Seq(2, 3, 4))
    draw(1000) { (fleet, blackbox, _, fractions) =>
      assert(Placement.share(fleet, blackbox, fractions).isEmpty == fleet.isEmpty)
    }
  }

  test("step sizes share no factor with the size nor with each other") {
    def common(one: Int, other: Int): Boolean = BigInt(one).gcd(other) > 1
    assert(Placement.stepSizes(1) == Seq(1))
    assert(Placement.stepSizes(10) == Seq(1, 3, 7))
    (1 to 60).foreach { size =>
      val steps = Placement.stepSizes(size)
      assert(steps.head == 1)
      assert(!steps.exists(common(_, size)))
      assert(!steps.combinations(2).exists(pair => common(pair.head, pair.last)))
    }
  }
}
