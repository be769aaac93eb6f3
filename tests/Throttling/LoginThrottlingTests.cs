using System.Net.Http.Json;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using static AuthMesh.Tests.Throttling.ThrottledMesh;

namespace AuthMesh.Tests.Throttling;

/// <summary>What an attacker who guesses passwords can do, from outside and at two replicas.</summary>
[Collection<OnThrottledMesh>]
public sealed class LoginThrottlingTests(ThrottledMesh mesh)
{
    private static readonly TimeSpan Quarter = TimeSpan.FromMinutes(15), Hour = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(1, 10, 15)] // an account and a network
    [InlineData(100, 50, 60)] // an account, from any network
    public async Task A_hundred_concurrent_guesses_are_checked_only_up_to_the_limit(int networks, int limit, int minutes)
    {
        var user = await mesh.SignUpAsync(NewNetwork());
        var addresses = Enumerable.Range(0, networks).Select(_ => NewNetwork()).ToArray();
        var before = CountChecked(user);

        var answers = await Together.RunAsync(100, i => mesh.LoginAsync(user.Username, WrongPassword, addresses[i % networks], replica: i));

        Assert.Equal(limit, answers.Count(answer => answer.Status == 401));
        Assert.All(answers.Where(answer => answer.Status != 401), answer => AssertTooMany(answer, TimeSpan.FromMinutes(minutes)));
        await Patience.UntilAsync(() => CountChecked(user) - before >= limit);
        Assert.Equal(limit, CountChecked(user) - before);

        // The right password is refused in the same way until Retry-After is over.
        var wait = AssertTooMany(
            await mesh.LoginAsync(user.Username, user.Password, addresses[0], replica: 1), TimeSpan.FromMinutes(minutes));
        await mesh.AgeAsync(wait - TimeSpan.FromMinutes(1));
        (await mesh.LoginAsync(user.Username, user.Password, addresses[0])).AssertError(429, "too_many_attempts");
        await mesh.AgeAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(200, (await mesh.LoginAsync(user.Username, user.Password, addresses[0])).Status);
    }

    [Fact]
    public async Task A_right_password_resets_the_count_of_this_network_only()
    {
        var (here, elsewhere) = (NewNetwork(), NewNetwork());
        var user = await mesh.SignUpAsync(NewNetwork());
        await mesh.GuessAsync(9, user.Username, elsewhere);
        await mesh.GuessAsync(9, user.Username, here);

        await mesh.SignInAsync(user.Username, here);

        await mesh.GuessAsync(10, user.Username, here);
        AssertTooMany(await mesh.LoginAsync(user.Username, user.Password, here), Quarter);
        await mesh.GuessAsync(1, user.Username, elsewhere);
        AssertTooMany(await mesh.LoginAsync(user.Username, user.Password, elsewhere), Quarter);
    }

    [Fact]
    public async Task Right_passwords_do_not_count_towards_a_limit()
    {
        var address = NewNetwork();
        var user = await mesh.SignUpAsync(address);
        for (var i = 0; i < 60; i++) // more than an account's limit for strangers
        {
            await mesh.SignInAsync(user.Username, address);
        }

        await mesh.GuessAsync(10, user.Username, address);
    }

    [Fact]
    public async Task Signing_in_to_an_own_account_allows_no_more_guesses_at_others()
    {
        var address = NewNetwork();
        var own = await mesh.SignUpAsync(NewNetwork());
        for (var victim = 0; victim < 25; victim++)
        {
            await mesh.GuessAsync(8, ProductionMesh.NewName(), address);
            if (victim < 24)
            {
                await mesh.SignInAsync(own.Username, address);
            }
        }

        AssertTooMany(await mesh.LoginAsync(ProductionMesh.NewName(), WrongPassword, address), Quarter);
        AssertTooMany(await mesh.LoginAsync(own.Username, own.Password, address), Quarter);
        await mesh.SignInAsync(own.Username, NewNetwork());
    }

    [Theory]
    [InlineData("\"an-unknown-user\"")]
    [InlineData("\"\"")]
    [InlineData("\" \\u0000 \\\"'; DROP TABLE users --\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"🦊\"")]
    [InlineData("\"a name of 3000 characters\"")]
    public async Task An_unknown_name_is_throttled_like_any_other(string name)
    {
        name = name.Replace("3000 characters", new string('x', 3000), StringComparison.Ordinal);
        var (address, body) = (NewNetwork(), $$"""{"username":{{name}},"password":"{{WrongPassword}}"}""");
        for (var i = 0; i < 10; i++)
        {
            (await GuessAsync()).AssertError(401, "invalid_credentials");
        }

        var refused = await GuessAsync();

        AssertTooMany(refused, Quarter);
        var user = await mesh.SignUpAsync(address);
        await mesh.GuessAsync(10, user.Username, address);
        var known = await mesh.LoginAsync(user.Username, WrongPassword, address);
        AssertTooMany(known, Quarter);
        Assert.Equal(HeadersOf(known), HeadersOf(refused));

        Task<Answer> GuessAsync() => mesh.Replica(0).SendAsync(
            HttpMethod.Post, "/login", new StringContent(body, System.Text.Encoding.UTF8, "application/json"), From(address));

        static IEnumerable<string> HeadersOf(Answer answer) => answer.Headers.Select(header => header.Key).Order();
    }

    [Fact]
    public async Task A_name_in_another_case_or_with_white_space_around_it_shares_the_limit()
    {
        var address = NewNetwork();
        var user = await mesh.SignUpAsync(NewNetwork());
        await mesh.GuessAsync(4, user.Username, address);
        await mesh.GuessAsync(3, user.Username.ToUpperInvariant(), address);
        await mesh.GuessAsync(3, $" {user.Username}\t", address);

        AssertTooMany(await mesh.LoginAsync(user.Username, user.Password, address), Quarter);
        AssertTooMany(await mesh.LoginAsync(user.Username + " ", user.Password, address), Quarter);
    }

    [Fact]
    public async Task Guesses_at_a_lookalike_name_do_not_count_against_the_real_one()
    {
        var address = NewNetwork();
        var user = await mesh.SignUpAsync(NewNetwork(), ProductionMesh.NewName() + "k");
        await mesh.GuessAsync(10, user.Username[..^1] + "\u212a", address); // a Kelvin sign, whose lower case is the letter k

        await mesh.SignInAsync(user.Username, address);
    }

    [Theory]
    [InlineData("X-Forwarded-For")]
    [InlineData("X_Forwarded_For")]
    [InlineData("Forwarded")]
    [InlineData("X-Real-IP")]
    [InlineData("True-Client-IP")]
    [InlineData("CF-Connecting-IP")]
    [InlineData("X-Original-Forwarded-For")]
    public async Task Claiming_another_address_each_time_allows_no_more_guesses(string header)
    {
        var name = ProductionMesh.NewName();
        for (var i = 0; i < 10; i++)
        {
            (await ClaimAsync(i)).AssertError(401, "invalid_credentials");
        }

        AssertTooMany(await ClaimAsync(10), Quarter);

        Task<Answer> ClaimAsync(int i) =>
            mesh.Gateway.LoginAsync(name, WrongPassword, null, request => request.Headers.TryAddWithoutValidation(
            header, header == "Forwarded" ? $"for=192.0.2.{i};by=192.0.2.{i + 1}" : $"192.0.2.{i}, 198.51.100.{i}"));
    }

    [Fact]
    public async Task A_claimed_address_without_the_service_key_is_ignored()
    {
        var name = ProductionMesh.NewName();
        for (var i = 0; i < 10; i++)
        {
            (await ClaimAsync(i)).AssertError(401, "invalid_credentials");
        }

        AssertTooMany(await ClaimAsync(10), Quarter);

        Task<Answer> ClaimAsync(int i) => mesh.Replica(i).LoginAsync(
            name, WrongPassword, null, request => request.Headers.TryAddWithoutValidation("X-Forwarded-For", $"192.0.2.{i}"));
    }

    [Fact]
    public async Task Addresses_of_one_IPv6_64_share_a_limit_and_the_next_64_has_its_own()
    {
        var name = ProductionMesh.NewName();
        for (var i = 0; i < 10; i++)
        {
            await mesh.GuessAsync(1, name, $"2001:db8:1:2:{i:x}{i:x}::{i + 1:x}");
        }

        AssertTooMany(await mesh.LoginAsync(name, WrongPassword, "2001:db8:1:2:ffff::1"), Quarter);
        await mesh.GuessAsync(1, name, "2001:db8:1:3::1");

        // An IPv4 address written as IPv6 is that IPv4 address.
        await mesh.GuessAsync(5, name, "192.0.2.77");
        await mesh.GuessAsync(5, name, "::ffff:192.0.2.77");
        AssertTooMany(await mesh.LoginAsync(name, WrongPassword, "192.0.2.77"), Quarter);
        await mesh.GuessAsync(1, name, "::ffff:192.0.2.78");
    }

    [Fact]
    public async Task Strangers_who_use_up_an_accounts_limit_block_a_new_device_but_no_live_session()
    {
        var home = NewNetwork();
        var user = await mesh.SignUpAsync(home);
        await mesh.BurnAsync(user.Username);

        AssertTooMany(await mesh.LoginAsync(user.Username, user.Password, home), Hour);
        Assert.Equal(200, (await mesh.Replica(1).RefreshAsync(user.RefreshToken)).Status);
        Assert.Equal(200, (await mesh.Replica(1).CallAsync(HttpMethod.Get, "/account", user.Token)).Status);
        Assert.Equal(200, (await mesh.ConfirmAsync(user, user.Password, home)).Status);
    }

    [Fact]
    public async Task Password_confirmations_in_a_session_count_towards_the_login_limit()
    {
        var home = NewNetwork();
        var user = await mesh.SignUpAsync(home);
        for (var i = 0; i < 5; i++)
        {
            (await mesh.ConfirmAsync(user, WrongPassword, home)).AssertError(403, "wrong_password");
            (await DeleteAsync(WrongPassword)).AssertError(403, "wrong_password");
        }

        AssertTooMany(await mesh.ConfirmAsync(user, user.Password, home), Quarter);
        AssertTooMany(await DeleteAsync(user.Password), Quarter);
        AssertTooMany(await mesh.LoginAsync(user.Username, user.Password, home), Quarter);
        await mesh.AgeAsync(Quarter);
        Assert.Equal(200, (await DeleteAsync(user.Password)).Status);

        Task<Answer> DeleteAsync(string password) => mesh.Replica(1).SendAsync(
            HttpMethod.Delete, "/account", JsonContent.Create(new { current_password = password }), request =>
            {
                From(home)(request);
                request.Headers.Authorization = new("Bearer", user.Token);
            });
    }

    [Fact]
    public async Task A_stolen_token_allows_no_more_guesses_from_many_networks()
    {
        var home = NewNetwork();
        var user = await mesh.SignUpAsync(home);
        for (var i = 0; i < 10; i++)
        {
            (await mesh.ConfirmAsync(user, WrongPassword, NewNetwork())).AssertError(403, "wrong_password");
        }

        AssertTooMany(await mesh.ConfirmAsync(user, user.Password, NewNetwork()), Quarter);
        var again = await mesh.SignInAsync(user.Username, home); // another session has its own limit
        Assert.Equal(200, (await mesh.ConfirmAsync(again, again.Password, home)).Status);
    }

    [Fact]
    public async Task Each_network_has_its_own_limit_of_registrations()
    {
        var address = NewNetwork();
        var first = await mesh.SignUpAsync(address);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(400, (await mesh.RegisterAsync("no", "short", address)).Status); // refused without the database
        }

        for (var i = 0; i < 49; i++)
        {
            Assert.Equal(200, (await mesh.RegisterAsync(ProductionMesh.NewName(), SessionCalls.Password, address, i)).Status);
            (await mesh.RegisterAsync(first.Username, SessionCalls.Password, address, i)).AssertError(409, "username_taken");
        }

        Assert.Equal(200, (await mesh.RegisterAsync(ProductionMesh.NewName(), SessionCalls.Password, address)).Status);
        var wait = AssertTooMany(await mesh.RegisterAsync(ProductionMesh.NewName(), SessionCalls.Password, address), Hour);
        AssertTooMany(await mesh.RegisterAsync(first.Username, SessionCalls.Password, address), Hour); // which hides that the name is taken
        Assert.Equal(200, (await mesh.RegisterAsync(ProductionMesh.NewName(), SessionCalls.Password, NewNetwork())).Status);
        await mesh.SignInAsync(first.Username, address);
        await mesh.AgeAsync(wait);
        Assert.Equal(200, (await mesh.RegisterAsync(ProductionMesh.NewName(), SessionCalls.Password, address)).Status);
    }

    [Fact]
    public async Task A_refusal_logs_one_line_with_the_user_id_and_the_table_holds_only_hashes()
    {
        var address = NewNetwork();
        var user = await mesh.SignUpAsync(address);
        await mesh.GuessAsync(10, user.Username, address);
        AssertTooMany(await mesh.LoginAsync(user.Username, WrongPassword, address), Quarter);

        var line = $"login_blocked UserId={user.UserId}";
        await Patience.UntilAsync(() => mesh.Log.Contains(line, StringComparison.Ordinal));
        Assert.Single(System.Text.RegularExpressions.Regex.Matches(mesh.Log, line));
        Assert.DoesNotContain(user.Username, mesh.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(WrongPassword, mesh.Log, StringComparison.Ordinal);
        Assert.Equal(32, await mesh.Database.ScalarAsync<int>("SELECT max(length(key)) FROM attempt_counts"));
    }

    private int CountChecked(SignedIn user) =>
        System.Text.RegularExpressions.Regex.Count(mesh.Log, $"login_failed UserId={user.UserId}");
}
