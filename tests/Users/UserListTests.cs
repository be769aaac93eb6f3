using System.Text.Json;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Users;

/// <summary>The list of users, page by page. Each test uses its own names with a common prefix.</summary>
public sealed class UserListTests(ProductionMesh mesh) : IAsyncLifetime
{
    private readonly string prefix = $"l-{Guid.NewGuid():N}"[..10] + "-";
    private string token = "";

    public async ValueTask InitializeAsync() => token = await mesh.AdminTokenAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_user_is_shown_with_exactly_the_public_members()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Gateway.SignInAgainAsync(user);
        var ended = await mesh.Gateway.SignInAgainAsync(user);
        await mesh.Gateway.LogoutAsync(ended.Token);
        await AddAsync("disabled", "disabled_at", "now()");
        await AddAsync("demo", "is_demo", "true");

        var answer = await ListAsync($"search={user.Username}");

        Assert.Equal(200, answer.Status);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal(["status", "message", "users", "next"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("1 user", answer.Message);
        Assert.Equal(JsonValueKind.Null, answer.Json.GetProperty("next").ValueKind);
        var row = Assert.Single(Users(answer));
        Assert.Equal(
            ["id", "username", "email", "role", "disabled", "disabled_at", "demo", "created_at", "sessions", "application_sessions",
                "last_used_at"],
            row.EnumerateObject().Select(member => member.Name));
        Assert.Equal(user.UserId, row.GetProperty("id").GetGuid());
        Assert.Equal("user", row.GetProperty("role").GetString());
        Assert.False(row.GetProperty("disabled").GetBoolean());
        Assert.Equal(2, row.GetProperty("sessions").GetInt32());
        Assert.True(row.GetProperty("last_used_at").GetDateTimeOffset() >= row.GetProperty("created_at").GetDateTimeOffset());

        var (demo, disabled) = (Users(await ListAsync($"search={prefix}"))[0], Users(await ListAsync($"search={prefix}"))[1]);
        Assert.Equal((true, false), (demo.GetProperty("demo").GetBoolean(), demo.GetProperty("disabled").GetBoolean()));
        Assert.Equal((false, true), (disabled.GetProperty("demo").GetBoolean(), disabled.GetProperty("disabled").GetBoolean()));
        Assert.Equal(JsonValueKind.String, disabled.GetProperty("disabled_at").ValueKind);
        Assert.Equal(JsonValueKind.Null, disabled.GetProperty("last_used_at").ValueKind);

        var shown = await mesh.Gateway.GetAsync($"/users/{user.UserId}", token);
        Assert.Equal("no-store", shown.Header("Cache-Control"));
        Assert.Equal(["status", "message", "user"], shown.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(row.GetRawText(), shown.Json.GetProperty("user").GetRawText());
    }

    [Fact]
    public async Task Paging_shows_each_remaining_user_once_while_others_are_added_and_deleted()
    {
        var random = new Random(7);
        var stayers = Enumerable.Range(0, 60).Select(i => $"{prefix}{i:00}-s").ToList();
        await AddAsync([.. stayers]);
        var goers = Enumerable.Range(0, 60).Select(i => $"{prefix}{i:00}-g").ToList();
        await AddAsync([.. goers]);

        List<string> seen = [];
        string? next = null;
        do
        {
            var answer = await ListAsync($"search={prefix}&limit=7&after={next}");
            Assert.Equal(200, answer.Status);
            var page = Names(answer);
            Assert.InRange(page.Count, 1, 7);
            seen.AddRange(page);
            next = Next(answer);

            // Deletes the last user of this page and some before and after it, and adds some before and after it.
            var gone = goers.Where(name => name == page[^1] || random.Next(10) == 0).ToArray();
            await mesh.Database.ExecuteAsync("DELETE FROM users WHERE username = ANY($1)", (object)gone);
            await AddAsync([.. Enumerable.Range(0, 3).Select(_ => $"{prefix}{random.Next(60):00}-n{Guid.NewGuid():N}"[..30])]);
        }
        while (next is not null);

        Assert.Equal(seen.Distinct().Order(StringComparer.Ordinal), seen);
        Assert.Empty(stayers.Except(seen));
    }

    [Fact]
    public async Task The_last_page_has_no_next_cursor()
    {
        await AddAsync([.. Enumerable.Range(0, 4).Select(i => $"{prefix}{i}")]);

        Assert.Null(Next(await ListAsync($"search={prefix}")));
        Assert.Null(Next(await ListAsync($"search={prefix}&limit=4")));
        var first = await ListAsync($"search={prefix}&limit=2");
        var second = await ListAsync($"search={prefix}&limit=2&after={Next(first)}");
        Assert.Null(Next(second));
        Assert.Equal([$"{prefix}0", $"{prefix}1", $"{prefix}2", $"{prefix}3"], Names(first).Concat(Names(second)));

        var nobody = await ListAsync($"search={prefix}nobody");
        Assert.Equal("""200 {"status":"success","message":"0 users","users":[],"next":null}""", nobody.ToString());
        await AddAsync([.. Enumerable.Range(10, 52).Select(i => $"{prefix}{i}")]);
        Assert.Equal(50, Names(await ListAsync($"search={prefix}")).Count); // the default limit
        Assert.Equal(56, Names(await ListAsync($"search={prefix}&limit=200")).Count);
    }

    [Fact]
    public async Task A_forged_cursor_or_one_of_another_search_is_refused()
    {
        await AddAsync([.. Enumerable.Range(0, 3).Select(i => $"{prefix}{i}")]);
        var cursor = Next(await ListAsync($"search={prefix}&limit=1"))!;
        var another = Next(await ListAsync($"search={prefix}&limit=2"))!;
        var alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

        List<string> bad =
        [
            "x", "null", "0", cursor[..^1], cursor[1..], cursor + "A", cursor + "=", cursor + "==", cursor + "%00", "%20" + cursor,
            cursor + "%0A",
            cursor[..^4] + another[^4..], another[..^4] + cursor[^4..], cursor[..30] + another[30..], new string('A', cursor.Length),
            new string('A', 4000),
            (await mesh.AdminTokenAsync())[..200], cursor.Replace('-', '+') + ".", "..%2f" + cursor,
            Uri.EscapeDataString(cursor.Insert(10, "ä")),
            .. Enumerable.Range(0, cursor.Length).Select(i => cursor[..i] + (cursor[i] == 'A' ? 'B' : 'A') + cursor[(i + 1)..]),
            // also other spellings of the same bytes
            .. alphabet.Where(letter => letter != cursor[^1]).Select(letter => cursor[..^1] + letter),
        ];
        foreach (var text in bad)
        {
            (await ListAsync($"search={prefix}&limit=1&after={text}")).AssertError(
                400, "invalid_request", "after: must be the next of the page before, with the same search", "after");
        }

        foreach (var search in (string[])["", "&search=", $"&search={prefix[..^1]}", $"&search={prefix}1"])
        {
            (await ListAsync($"after={cursor}{search}")).AssertError(400, "invalid_request", fields: "after");
        }

        Assert.Equal([$"{prefix}1"], Names(await ListAsync($"search={prefix.ToUpperInvariant()}&limit=1&after={cursor}")));
    }

    [Theory]
    [InlineData("a_", "a_c")]
    [InlineData("A_C", "a_c")]
    [InlineData("a", "a.c a@c a_c abc abcd")]
    [InlineData("abc", "abc abcd")]
    [InlineData("abcde", "")]
    [InlineData("bc", "")] // only the beginning of a name matches
    [InlineData("-", "-")]
    [InlineData("%2B", "+")]
    public async Task A_search_finds_the_names_that_begin_with_it(string search, string found)
    {
        await AddAsync([.. ((string[])["abc", "abcd", "a_c", "a.c", "a@c", "-", "+", "zzz"]).Select(name => prefix + name)]);

        Assert.Equal(found, string.Join(' ', Names(await ListAsync($"search={prefix}{search}")).Select(name => name[prefix.Length..])));
    }

    [Theory]
    [InlineData("%25")]
    [InlineData("a%25")]
    [InlineData("%5C")]
    [InlineData("a%20b")]
    [InlineData("+")] // a space
    [InlineData("%00")]
    [InlineData("a%00")]
    [InlineData("%ED%A0%80")]
    [InlineData("%FF")]
    [InlineData("%C3%A4")]
    [InlineData("%E2%84%AA")] // the Kelvin sign, whose lower case is k
    [InlineData("%F0%9F%94%91")]
    [InlineData("'%20OR%201=1--")]
    [InlineData("01234567890123456789012345678901234567890123456789012345678901234")]
    public async Task A_search_that_no_name_can_begin_with_is_refused(string search)
    {
        (await ListAsync($"search={search}")).AssertError(
            400, "invalid_request",
            "search: must be the beginning of a name, which must be 3 to 64 of the characters A-Z a-z 0-9 . _ - @ +", "search");
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=201", "limit")]
    [InlineData("limit=-1", "limit")]
    [InlineData("limit=%2B1", "limit")]
    [InlineData("limit=1.5", "limit")]
    [InlineData("limit=1e2", "limit")]
    [InlineData("limit=%201", "limit")]
    [InlineData("limit=1%00", "limit")]
    [InlineData("limit=1%0A", "limit")]
    [InlineData("limit=99999999999999999999", "limit")]
    [InlineData("limit=%D9%A1", "limit")] // an Arabic digit
    [InlineData("limit=1&limit=1", "limit")]
    [InlineData("limit=1&Limit=1", "Limit", "limit")]
    [InlineData("search=a&search=b", "search")]
    [InlineData("after=a&after=b", "after")]
    [InlineData("offset=1", "offset")]
    [InlineData("LIMIT=1", "LIMIT")]
    [InlineData("limit%00=1", "limit\0")]
    [InlineData("limit=0&search=%25&page=2", "page", "search", "limit")]
    public async Task A_parameter_that_is_invalid_unknown_or_duplicate_is_named(string query, params string[] fields)
    {
        (await ListAsync(query)).AssertError(400, "invalid_request", fields: fields);
    }

    [Theory]
    [InlineData("")]
    [InlineData("limit=1")]
    [InlineData("limit=200")]
    [InlineData("after=&limit=&search=")]
    public async Task An_empty_parameter_counts_as_absent(string query)
    {
        Assert.Equal(200, (await ListAsync(query)).Status);
    }

    private Task<Answer> ListAsync(string query) => mesh.Gateway.GetAsync("/users?" + query, token);

    private Task<int> AddAsync(string[] names) => mesh.Database.ExecuteAsync(
        """
        INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at)
        SELECT gen_random_uuid(), name, lower(name), 'none', 'user', 0, false, now() FROM unnest($1) name
        """,
        (object)names);

    private async Task AddAsync(string name, string column, string value)
    {
        await AddAsync([prefix + name]);
        await mesh.Database.ExecuteAsync($"UPDATE users SET {column} = {value} WHERE username = $1", prefix + name);
    }

    private static List<JsonElement> Users(Answer answer) => [.. answer.Json.GetProperty("users").EnumerateArray()];

    private static List<string> Names(Answer answer) => [.. Users(answer).Select(user => user.GetProperty("username").GetString()!)];

    private static string? Next(Answer answer) => answer.Json.GetProperty("next").GetString();
}
