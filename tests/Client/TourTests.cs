using AuthMesh.LocalMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>`run.sh` and newcomers judge a mesh by the tour, so it must neither pass nor fail wrongly.</summary>
[Collection<OnDevelopmentMesh>]
public sealed class TourTests(ProductionMesh production, DevelopmentMesh development) : IDisposable
{
    private readonly Authmesh authmesh = new();

    [Fact]
    public async Task Every_step_passes_on_the_quick_start_and_again_on_the_same_data()
    {
        for (var walk = 0; walk < 2; walk++)
        {
            var tour = await authmesh.RunAsync("tour", "--server", development.Server);

            tour.AssertExited(0);
            Assert.EndsWith("\n29 of 29 steps as expected\n", tour.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("NOT AS EXPECTED", tour.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("admin123", tour.Output, StringComparison.Ordinal);
            Assert.False(File.Exists(authmesh.SessionFile)); // the user's own sign-in is not touched
        }
    }

    [Fact]
    public async Task With_json_the_tour_is_one_document()
    {
        var tour = await authmesh.RunAsync("tour", "--json", "--server", development.Server);

        tour.AssertExited(0);
        var document = tour.Document();
        Assert.Equal(("success", "29"), (document.Member("status"), document.Member("steps_as_expected")));
        Assert.Equal(
            [
                200, 409, 200, 200, 403, 401, 401, 401, 200, 200, 200, 200, 200, 401, 401, 200, 401, 200, 200, 200, 200, 200, 200, 401, 401,
                401, 200, 200, 200,
            ],
            document.GetProperty("steps").EnumerateArray().Select(step => step.GetProperty("http_status").GetInt32()));
    }

    [Fact]
    public async Task A_mesh_without_demo_users_fails_the_admin_steps_and_names_them()
    {
        var tour = await authmesh.RunAsync("tour", "--server", Origin(production.Gateway.Address));

        tour.AssertExited(5);
        Assert.Contains(
            """
            27. An admin logs in
                POST /login {"username":"admin","password":"..."}
                401 Invalid credentials (invalid_credentials)
                NOT AS EXPECTED, should be: 200 Welcome admin!
            """,
            tour.Output, StringComparison.Ordinal);
        Assert.Equal(3, System.Text.RegularExpressions.Regex.Count(tour.Output, "NOT AS EXPECTED"));
        Assert.EndsWith("\n26 of 29 steps as expected\n", tour.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_admin_can_take_the_tour_with_a_password_from_a_file()
    {
        var file = Path.Combine(Directory.CreateDirectory(authmesh.Folder).FullName, "password");
        await File.WriteAllTextAsync(file, ProductionMesh.AdminPassword + "\n", TestContext.Current.CancellationToken);

        var tour = await authmesh.RunAsync(
            "tour", "--admin-name", "admin", "--admin-password-file", file, "--server", Origin(production.Gateway.Address));

        tour.AssertExited(0);
        Assert.EndsWith("\n29 of 29 steps as expected\n", tour.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_logout_that_takes_effect_a_moment_later_passes()
    {
        await using var server = new RecordingServer(new PretendedMesh { LogoutIsHeardAfter = 3 }.AnswerAsync);
        await server.StartAsync();

        var tour = await authmesh.RunAsync("tour", "--server", server.Origin);

        tour.AssertExited(0);
        Assert.EndsWith("\n29 of 29 steps as expected\n", tour.Output, StringComparison.Ordinal);
        Assert.Equal(1, server.Requests.Count(request => request == "POST /logout"));
    }

    [Fact]
    public async Task A_logout_that_ends_nothing_fails_the_steps_after_it()
    {
        await using var server = new RecordingServer(new PretendedMesh { LogoutIsHeardAfter = null }.AnswerAsync);
        await server.StartAsync();

        var tour = await authmesh.RunAsync("tour", "--server", server.Origin);

        tour.AssertExited(5);
        Assert.Equal([23, 24, 25, 26], FailedSteps(tour));
        Assert.Contains(
            "NOT AS EXPECTED, should be: 401 Invalid or expired token (invalid_token), within 1 s\n", tour.Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refresh_that_returns_the_old_token_fails_its_step()
    {
        await using var server = new RecordingServer(new PretendedMesh { RefreshRepeatsItself = true }.AnswerAsync);
        await server.StartAsync();

        var tour = await authmesh.RunAsync("tour", "--server", server.Origin);

        Assert.Equal([9], FailedSteps(tour));
        Assert.Matches("NOT AS EXPECTED, should be: 200 Welcome tour-[0-9a-f]{8}!, with a new token\n", tour.Output);
    }

    public void Dispose() => authmesh.Dispose();

    private static IEnumerable<int> FailedSteps(Finished tour) => tour.Output.Split("\n\n")
        .Where(step => step.Contains("NOT AS EXPECTED", StringComparison.Ordinal))
        .Select(step => int.Parse(step.Split('.')[0], null));

    private static string Origin(Uri address) => address.GetLeftPart(UriPartial.Authority);
}
