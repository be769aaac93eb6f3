using System.Collections;
using System.Diagnostics.CodeAnalysis;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication;

namespace AuthMesh.ShortPath;

/// <summary>
/// The items of an authentication ticket: when the token was issued and when it expires, as JwtBearer notes them. They are written when
/// code reads them, which few services do; SignalR closes connections by them.
/// </summary>
internal sealed class TokenTimes(VerifiedToken token) : IDictionary<string, string?>
{
    private IDictionary<string, string?>? written;

    public int Count => Written.Count;

    public bool IsReadOnly => false;

    public ICollection<string> Keys => Written.Keys;

    public ICollection<string?> Values => Written.Values;

    private IDictionary<string, string?> Written =>
        written ??= new AuthenticationProperties { IssuedUtc = token.ValidFrom, ExpiresUtc = token.ValidTo }.Items;

    public string? this[string key] { get => Written[key]; set => Written[key] = value; }

    public void Add(string key, string? value) => Written.Add(key, value);

    public void Add(KeyValuePair<string, string?> item) => Written.Add(item);

    public void Clear() => Written.Clear();

    public bool Contains(KeyValuePair<string, string?> item) => Written.Contains(item);

    public bool ContainsKey(string key) => Written.ContainsKey(key);

    public void CopyTo(KeyValuePair<string, string?>[] array, int arrayIndex) => Written.CopyTo(array, arrayIndex);

    public IEnumerator<KeyValuePair<string, string?>> GetEnumerator() => Written.GetEnumerator();

    public bool Remove(string key) => Written.Remove(key);

    public bool Remove(KeyValuePair<string, string?> item) => Written.Remove(item);

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out string? value) => Written.TryGetValue(key, out value);

    IEnumerator IEnumerable.GetEnumerator() => Written.GetEnumerator();
}
