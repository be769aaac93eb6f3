namespace AuthMesh.Identity.Passwords;

/// <summary>
/// The places of one kind of caller; whoever calls holds the lane's lock. Next is the network whose turn is the longest ago, in it the
/// account whose turn is, in it whoever came first. Each look is at all places: a few microseconds beside the 250,000 of a hash.
/// </summary>
/// <remarks>
/// The account of a known device is one wherever its requests come from, for its cookie can be sent from as many networks as somebody has.
/// A stranger's is only what was typed, and is one in each network, so that no guesser elsewhere takes its owner's turn.
/// </remarks>
internal sealed class FairQueue
{
    private readonly List<HashingPlace> places = []; // in the order in which they were taken
    private readonly Dictionary<(string? Network, string? Account), Party> parties = []; // of those who hold a place, no others
    private long turn;

    public int Places => places.Count;

    public int Waiting => places.Count(place => place.State == PlaceState.Waiting);

    public HashingPlace Add(HashingPlace place)
    {
        place.Network = Join((place.Applicant.Network, null));
        place.Account = Join(AccountOf(place.Applicant));
        places.Add(place);
        return place;
    }

    public void Remove(HashingPlace place)
    {
        if (places.Remove(place))
        {
            Quit(place.Network);
            Quit(place.Account);
        }
    }

    /// <summary>Begins with the next one.</summary>
    /// <returns>Which one that is, or null where nobody waits.</returns>
    public HashingPlace? TakeNext()
    {
        var next = places.Where(place => place.State == PlaceState.Waiting).MinBy(
            place => (Math.Max(place.Network.LastTurn, place.Account.LastTurn), place.Account.LastTurn));
        if (next is not null)
        {
            next.Begin();
            next.Network.LastTurn = next.Account.LastTurn = ++turn;
        }

        return next;
    }

    /// <summary>Of those that had no hash yet, the newest of the network, or of the known device's account, that holds most.</summary>
    /// <param name="newcomer">Who would be let in instead, and must then hold less than the loser did; null for one who may in any
    /// case.</param>
    public HashingPlace? FindLoser(Applicant? newcomer = null)
    {
        var network = newcomer is null ? null : parties.GetValueOrDefault((newcomer.Network, null));
        var account = newcomer is null ? null : parties.GetValueOrDefault(AccountOf(newcomer));
        HashingPlace? loser = null;
        foreach (var place in places.Where(place => !place.WasServed))
        {
            loser = loser is null || Rank(place).CompareTo(Rank(loser)) >= 0 ? place : loser;
        }

        return loser is null || newcomer is null || Held(loser.Network, loser.Account) > Held(network, account) + 1
            || (loser.Network == network && loser.Account.Places > (account?.Places ?? 0) + 1) ? loser : null;

        (int, bool, int) Rank(HashingPlace place) => (Held(place.Network, place.Account), place.Network == network, place.Account.Places);
    }

    private static int Held(Party? network, Party? account) => Math.Max(network?.Places ?? 0, account?.Places ?? 0);

    private static (string?, string?) AccountOf(Applicant applicant) =>
        (applicant.IsKnownDevice ? null : applicant.Network, applicant.Account);

    private Party Join((string?, string?) key)
    {
        // Whoever is new stands behind all who are here; else leaving and coming again would be the way to the front.
        if (!parties.TryGetValue(key, out var party))
        {
            parties[key] = party = new Party(key) { LastTurn = ++turn };
        }

        party.Places++;
        return party;
    }

    private void Quit(Party party)
    {
        if (--party.Places == 0)
        {
            parties.Remove(party.Key);
        }
    }

    /// <summary>A network, or an account: a stranger's as seen from one, a known device's as such.</summary>
    internal sealed class Party((string? Network, string? Account) key)
    {
        public (string?, string?) Key { get; } = key;

        public int Places { get; set; }

        public long LastTurn { get; set; }
    }
}
