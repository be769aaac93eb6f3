namespace AuthMesh.Client.Users;

internal sealed record ListedUser(
    string Id, string Username, string Role, bool Disabled, DateTimeOffset CreatedAt, int Sessions,
    DateTimeOffset? DisabledAt = null, DateTimeOffset? LastUsedAt = null, bool Demo = false, string? Email = null,
    int ApplicationSessions = 0);

internal sealed record UsersAnswer(IReadOnlyList<ListedUser?> Users, string? Next = null);

internal sealed record UserAnswer(ListedUser User);
