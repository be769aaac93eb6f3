using System.Text.Json;
using System.Text.RegularExpressions;
using AuthMesh.Revocations;
using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.Revocations;

/// <summary>The documented feed: who may listen, which events arrive, in which order, and from which position.</summary>
public sealed class FeedTests(ProductionMesh mesh)
{
    private readonly string path = $"/internal/revocations?instance={Guid.NewGuid()}&name=test";

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("another-service-key-that-is-long-enough")]
    [InlineData(ProductionMesh.ServiceKey + "x")]
    public async Task A_listener_without_the_service_key_is_refused(string? key)
    {
        var answer = await mesh.Identity.SendAsync(HttpMethod.Get, path, change: request =>
        {
            if (key is not null)
            {
                request.Headers.TryAddWithoutValidation("AuthMesh-Service-Key", key);
            }
        });

        answer.AssertError(401, "invalid_service_key");
    }

    [Fact]
    public async Task A_users_token_is_refused_as_a_service_key()
    {
        (await mesh.Identity.GetAsync(path, await mesh.AdminTokenAsync())).AssertError(401, "invalid_service_key");
    }

    [Fact]
    public async Task The_gateway_does_not_expose_the_feed()
    {
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Get, path, change: request => request.Headers.Add("AuthMesh-Service-Key", ProductionMesh.ServiceKey));

        answer.AssertError(404, "not_found");
    }

    [Fact]
    public async Task Revocations_arrive_in_commit_order_with_unique_event_ids()
    {
        await using var feed = Feed.Open(mesh.Identity);
        await feed.UntilBeatAsync();
        var sessions = new List<Guid>();
        for (var i = 0; i < 5; i++)
        {
            sessions.Add(await EndOneAsync());
        }

        var heard = await HearAsync(feed, sessions);

        Assert.Equal(sessions.Select(id => $$"""{"sid":"{{id}}"}"""), heard.Select(item => item.Data));
        Assert.All(heard, item => Assert.Matches("^[0-9]+-[0-9a-f]{32}$", item.EventId!));
        Assert.Equal(heard.Count, heard.Select(item => item.EventId).Distinct().Count());
    }

    [Fact]
    public async Task A_reconnecting_listener_gets_only_the_events_that_it_missed()
    {
        var first = await EndOneAsync();
        string position;
        await using (var feed = Feed.Open(mesh.Identity))
        {
            position = (await HearAsync(feed, [first]))[0].EventId!;
        }

        var missed = await EndOneAsync();

        await using var again = Feed.Open(mesh.Identity, lastEventId: position);
        var heard = await again.UntilBeatAsync();
        Assert.Contains(heard, item => item.Data.Contains(missed.ToString(), StringComparison.Ordinal));
        Assert.DoesNotContain(heard, item => item.Data.Contains(first.ToString(), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("junk")]
    [InlineData("-")]
    [InlineData("9223372036854775807-00000000000000000000000000000000")]
    [InlineData("99999999999999999999-00000000000000000000000000000000")]
    [InlineData("MARK")] // the right position with another entry's mark, as after a restore of the database
    public async Task A_listener_with_an_unknown_position_gets_the_whole_log(string position)
    {
        var ended = await EndOneAsync();
        if (position == "MARK")
        {
            await using var feed = Feed.Open(mesh.Identity);
            position = (await HearAsync(feed, [ended]))[0].EventId!.Split('-')[0] + "-" + Guid.NewGuid().ToString("N");
        }

        await using var listener = Feed.Open(mesh.Identity, lastEventId: position);

        Assert.Contains(await listener.UntilBeatAsync(), item => item.Data.Contains(ended.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Everything_committed_before_a_listener_connects_precedes_the_first_beat()
    {
        for (var round = 0; round < 20; round++)
        {
            var ended = await EndOneAsync();
            await using var feed = Feed.Open(mesh.Identity);

            Assert.Contains(await feed.UntilBeatAsync(), item => item.Data.Contains(ended.ToString(), StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_later_revocation_does_not_overtake_a_slow_transaction()
    {
        var slow = TokenText.SessionId((await mesh.SignUpAsync()).Token);
        var quick = TokenText.SessionId((await mesh.SignUpAsync()).Token);
        await using var feed = Feed.Open(mesh.Identity);
        await feed.UntilBeatAsync();
        await using var connection = new NpgsqlConnection(mesh.Database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        // The deferred triggers run now instead of at the commit: the position is taken but not yet visible.
        await using (var end = new NpgsqlCommand(
            $"UPDATE sessions SET ended_at = now() WHERE id = '{slow}'; SET CONSTRAINTS ALL IMMEDIATE", connection))
        {
            await end.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var overtaking = mesh.Database.ExecuteAsync("UPDATE sessions SET ended_at = now() WHERE id = $1", quick);
        await feed.UntilBeatAsync();
        var meanwhile = await feed.UntilBeatAsync(); // one whole beat in which the quick one could have arrived
        Assert.False(overtaking.IsCompleted);
        Assert.DoesNotContain(meanwhile, item => item.Data.Contains(quick.ToString(), StringComparison.Ordinal));

        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        await overtaking;
        Assert.Equal(
            new[] { slow, quick }.Select(id => $$"""{"sid":"{{id}}"}"""), (await HearAsync(feed, [slow, quick])).Select(item => item.Data));
    }

    [Theory]
    [InlineData("instance=junk&name=test")]
    [InlineData("name=test")]
    [InlineData("instance=11111111-1111-1111-1111-111111111111")]
    [InlineData("instance=11111111-1111-1111-1111-111111111111&name=")]
    [InlineData("instance=11111111-1111-1111-1111-111111111111%0a&name=test")]
    [InlineData("instance=%7b11111111-1111-1111-1111-111111111111%7d&name=test")]
    [InlineData("instance=11111111-1111-1111-1111-111111111111&name=a%00b")]
    public async Task A_listener_without_a_valid_instance_and_name_is_refused(string query)
    {
        var answer = await mesh.Identity.SendAsync(
            HttpMethod.Get, "/internal/revocations?" + query,
            change: request => request.Headers.Add("AuthMesh-Service-Key", ProductionMesh.ServiceKey));

        Assert.Equal((400, "invalid_request"), (answer.Status, answer.Code));
    }

    [Fact]
    public async Task A_verifier_counts_as_seen_only_while_it_listens()
    {
        var name = "listener " + Guid.NewGuid();
        await using (var feed = Feed.Open(mesh.Identity, name: name))
        {
            await feed.UntilBeatAsync();
            var first = await SeenAtAsync(name);
            await Patience.UntilAsync(async () => await SeenAtAsync(name) > first);
        }

        var last = await SeenAtAsync(name);
        await using var other = Feed.Open(mesh.Identity);
        for (var beats = 0; beats < 4; beats++)
        {
            await other.UntilBeatAsync();
        }

        // One beat may have been under way when the listener left.
        Assert.InRange(await SeenAtAsync(name) - last, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Equal(name, await mesh.Database.ScalarAsync<string>("SELECT name FROM verifiers WHERE name = $1", name));
    }

    [Fact]
    public async Task A_beat_carries_the_time_of_the_identity_service_and_the_age_of_the_confirmation()
    {
        await using var feed = Feed.Open(mesh.Identity);
        var item = await feed.NextAsync();
        while (item.EventType != "beat")
        {
            item = await feed.NextAsync();
        }

        var difference = TimeProvider.System.GetUtcNow() - JsonElement.Parse(item.Data).GetProperty("time").GetDateTimeOffset();
        Assert.InRange(difference, TimeSpan.FromSeconds(-1), TimeSpan.FromSeconds(30)); // a busy machine reads late
        Assert.InRange(JsonElement.Parse(item.Data).GetProperty("age").GetInt32(), 1, 30_000);
    }

    [Fact]
    public async Task The_database_accepts_exactly_the_kinds_that_verifiers_know()
    {
        var constraint = await mesh.Database.ScalarAsync<string>(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_revocations'");

        Assert.Equal(
            RevocationKind.All.Select(kind => kind.Name).Order(StringComparer.Ordinal),
            Regex.Matches(constraint, "'([a-z]+(-[a-z]+)+)'").Select(match => match.Groups[1].Value).Distinct()
            .Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("'session-ended', 'junk', NULL")]
    [InlineData("'user-below-epoch', '11111111-1111-1111-1111-111111111111', NULL")]
    [InlineData("'key-distrusted', '', NULL")]
    [InlineData("'something-else', '', NULL")]
    public async Task The_database_refuses_a_revocation_that_no_listener_could_read(string values)
    {
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => mesh.Database.ExecuteAsync($"SELECT write_revocation({values})"));

        Assert.Equal("ck_revocations", refusal.ConstraintName);
    }

    private Task<DateTime> SeenAtAsync(string name) =>
        mesh.Database.ScalarAsync<DateTime>("SELECT seen_at FROM verifiers WHERE name = $1", name);

    private async Task<Guid> EndOneAsync()
    {
        var session = TokenText.SessionId((await mesh.SignUpAsync()).Token);
        await mesh.Database.ExecuteAsync("UPDATE sessions SET ended_at = now() WHERE id = $1", session);
        return session;
    }

    /// <summary>The feed's events about these sessions. Other tests end sessions at the same time.</summary>
    private static async Task<List<System.Net.ServerSentEvents.SseItem<string>>> HearAsync(Feed feed, List<Guid> sessions)
    {
        var heard = new List<System.Net.ServerSentEvents.SseItem<string>>();
        while (heard.Count < sessions.Count)
        {
            var item = await feed.NextAsync();
            if (sessions.Any(id => item.Data.Contains(id.ToString(), StringComparison.Ordinal)))
            {
                heard.Add(item);
            }
        }

        return heard;
    }
}
